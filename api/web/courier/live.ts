/**
 * Hears at once when something changes, as long as the page is looked at: by the server's event stream, which goes on
 * where it broke off; where no stream comes about, by asking every minute.
 */
import { EventSourceParserStream } from "eventsource-parser/stream";
import { sayWho } from "./server";

const SILENT_MS = 40_000;
const LONGEST_PAUSE_MS = 60_000;
const POLL_MS = 60_000;

export class Live {
  #last: string | null = null;
  #open: AbortController | null = null;
  #failures = 0;
  #again: ReturnType<typeof setTimeout> | undefined;
  #poll: ReturnType<typeof setInterval> | undefined;

  /** `changed` is called when there is something new, and when the stream has come about (again). */
  constructor(
    private readonly changed: () => void,
    private readonly actor: () => string | undefined,
  ) {}

  start(): void {
    this.#poll ??= setInterval(this.changed, POLL_MS);
    if (this.#open === null) void this.#listen();
  }

  stop(): void {
    clearInterval(this.#poll);
    clearTimeout(this.#again);
    this.#poll = undefined;
    this.#open?.abort();
    this.#open = null;
  }

  /** The network is back, or somebody else uses the phone: begin anew, and at once. */
  restart({ anew = false } = {}): void {
    if (anew) this.#last = null;
    this.#failures = 0;
    this.stop();
    this.start();
  }

  async #listen(): Promise<void> {
    const actor = this.actor();
    if (actor === undefined) return;
    const mine = new AbortController();
    this.#open = mine;
    try {
      await this.#hear(actor, mine);
    } catch {
      // It broke off, or never came about: it is tried again, and meanwhile the tasks are asked for.
    }
    if (this.#open !== mine) return;
    this.#open = null;
    this.#failures += 1;
    const pause = Math.min(1000 * 2 ** this.#failures, LONGEST_PAUSE_MS) * (0.5 + Math.random() / 2);
    this.#again = setTimeout(() => void this.#listen(), pause);
  }

  async #hear(actor: string, mine: AbortController): Promise<void> {
    const headers = new Headers({ Accept: "text/event-stream" });
    sayWho(headers, actor);
    if (this.#last !== null) headers.set("Last-Event-ID", this.#last);
    const path = `/v1/tasks/stream?recipient=${encodeURIComponent(actor)}`;
    const response = await fetch(path, { headers, signal: mine.signal, cache: "no-store" });
    // Whoever is not signed in any more is told so at once, by what is asked for now.
    if (response.status === 401) this.changed();
    if (!response.ok || response.body === null) throw new Error(`answered ${response.status}`);
    let quiet = setTimeout(() => mine.abort(), SILENT_MS);
    const alive = new TransformStream<Uint8Array<ArrayBuffer>, BufferSource>({
      transform(chunk, controller) {
        clearTimeout(quiet);
        quiet = setTimeout(() => mine.abort(), SILENT_MS);
        controller.enqueue(chunk);
      },
    });
    const events = response.body
      .pipeThrough(alive)
      .pipeThrough(new TextDecoderStream())
      .pipeThrough(new EventSourceParserStream());
    const reader = events.getReader();
    this.changed();
    try {
      for (let read = await reader.read(); !read.done; read = await reader.read()) {
        this.#failures = 0;
        if (read.value.id !== undefined) this.#last = read.value.id;
        if (read.value.event !== undefined) this.changed();
      }
    } finally {
      clearTimeout(quiet);
    }
  }
}
