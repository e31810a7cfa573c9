/** The server as this phone asks it: who asks, in what time it must answer, how its clock differs from ours. */
import type { Commitment, Me, Stop } from "./model";
import type { Answer } from "./outbox";

const WITHIN_MS = 20_000;

/** There was no answer, or none of Upheld's: no network, a hotel's sign-in page, a server that is being restarted. */
export class Unreachable extends Error {
  /** Whether something answered all the same. */
  constructor(
    message: string,
    readonly isAnswered = false,
  ) {
    super(message);
  }
}

/** The server does not know who asks (any more): he must choose who he is, or pair this phone. */
export class Stranger extends Error {}

export interface Answered extends Answer {
  position: number;
}

export type Tasks =
  | { stops: Stop[]; etag: string | null; incomplete: boolean; position: number }
  | { isUnchanged: true; position: number }
  /** The log ends before what this phone has seen of it, as where a backup was restored. */
  | "set back";

export class Server {
  /** How far the server's clock is ahead, as measured by the answer that took the shortest. */
  skew: number | null = null;
  /** How far off that can be: half of what that answer took. */
  #error = Number.POSITIVE_INFINITY;
  readonly #asking = new Set<AbortController>();

  constructor(private readonly measured: (skew: number) => void = () => undefined) {}

  /** The network is another one: nothing comes any more of what was asked through the old one. */
  hangUp(): void {
    for (const asking of this.#asking) asking.abort();
  }

  async ask(
    method: string,
    path: string,
    actor: string | null,
    more: { body?: BodyInit; headers?: HeadersInit } = {},
  ): Promise<Response> {
    // No header can say such a name, and nobody has it.
    if (actor !== null && !/^[!-~]+$/.test(actor)) throw new Stranger();
    const headers = new Headers(more.headers);
    if (actor !== null) sayWho(headers, actor);
    const sent_at = Date.now();
    // Not only until it begins to answer: an answer that breaks off in a cellar must end, too.
    const aborting = new AbortController();
    this.#asking.add(aborting);
    setTimeout(() => {
      this.#asking.delete(aborting);
      aborting.abort();
    }, WITHIN_MS);
    let response: Response;
    try {
      response = await fetch(path, {
        method,
        headers,
        body: more.body ?? null,
        signal: aborting.signal,
        credentials: "same-origin",
        cache: "no-store",
      });
    } catch (error) {
      throw new Unreachable(String(error));
    }
    this.#measure(response.headers.get("Upheld-Now"), sent_at, Date.now());
    return response;
  }

  /** A command; whatever the server says is an answer, where it can be read. */
  async send(path: string, actor: string | null, key: string | null, body: unknown): Promise<Answered> {
    const headers = { ...(key === null ? {} : { "Idempotency-Key": key }) };
    const sent =
      body instanceof FormData
        ? { body, headers }
        : { body: JSON.stringify(body), headers: { ...headers, "Content-Type": "application/json" } };
    const response = await this.ask("POST", path, actor, sent);
    const position = Number(response.headers.get("Upheld-Position") ?? 0);
    return { status: response.status, body: await read(response), position };
  }

  /** What a keeper has to do now; or that it is what he has, and up to which event of the log it is so. */
  async tasks(actor: string, etag: string | null, position: number): Promise<Tasks> {
    const headers = new Headers(etag === null ? {} : { "If-None-Match": etag });
    if (position > 0) headers.set("Upheld-Min-Position", String(position));
    const response = await this.ask("GET", `/v1/tasks?recipient=${encodeURIComponent(actor)}`, actor, { headers });
    const reached = Number(response.headers.get("Upheld-Position") ?? 0);
    if (response.status === 304) return { isUnchanged: true, position: reached };
    if (response.status === 503 && (await endOfLog(response)) < position) return "set back";
    const body = await this.#read<{ items: Stop[]; incomplete?: boolean }>(response);
    if (!Array.isArray(body.items)) throw new Unreachable("the tasks cannot be read");
    return {
      stops: body.items,
      etag: response.headers.get("ETag"),
      incomplete: body.incomplete ?? false,
      position: reached,
    };
  }

  async commitment(actor: string, id: string, revision?: number): Promise<Commitment> {
    const asked = revision === undefined ? "" : `?revision=${revision}`;
    return this.#read<Commitment>(await this.ask("GET", `/v1/commitments/${id}${asked}`, actor));
  }

  async me(actor: string | null): Promise<Me> {
    return this.#read<Me>(await this.ask("GET", "/v1/me", actor));
  }

  async keepers(): Promise<{ actor: string; name: string | null; tasks: number }[]> {
    const body = await this.#read<{ items: { actor: string; name: string | null; tasks: number }[] }>(
      await this.ask("GET", "/v1/keepers", null),
    );
    return body.items;
  }

  /** Nobody is signed in on this phone any more, as far as the server can be told so. */
  async signOut(): Promise<void> {
    const response = await this.ask("POST", "/sign-out", null, { headers: { Accept: "application/json" } });
    if (!response.ok) throw new Unreachable(`answered ${response.status}`, true);
  }

  async #read<T>(response: Response): Promise<T> {
    if (response.status === 401) throw new Stranger();
    const body = await read(response);
    if (!response.ok || typeof body !== "object" || body === null)
      throw new Unreachable(`answered ${response.status}`, true);
    return body as T;
  }

  #measure(now: string | null, sent_at: number, answered_at: number): void {
    const there = now === null ? Number.NaN : Date.parse(now);
    const error = (answered_at - sent_at) / 2;
    if (Number.isNaN(there) || error < 0 || error > 2_500) return;
    const skew = Math.round(there - (sent_at + answered_at) / 2);
    // Where both cannot be true, a clock was set meanwhile.
    const isStillTrue = this.skew !== null && Math.abs(skew - this.skew) <= error + this.#error;
    if (isStillTrue && error > this.#error) return;
    this.skew = skew;
    this.#error = error;
    this.measured(this.skew);
  }
}

/**
 * Who asks: in open mode that is believed. Where people sign in it is what the answer depends on: of a browser that is
 * somebody else's by now the server takes nothing that this one has said.
 */
export function sayWho(headers: Headers, actor: string): void {
  headers.set("X-Actor", actor);
  headers.set("Upheld-Expect-Actor", actor);
}

/** Where the log ends, as a server says it that has not come as far as was asked; else no end is known. */
async function endOfLog(response: Response): Promise<number> {
  const problem = (await read(response.clone())) as { log_position?: number } | null;
  return problem?.log_position ?? Number.POSITIVE_INFINITY;
}

async function read(response: Response): Promise<unknown> {
  try {
    return await response.json();
  } catch {
    return null; // no answer of Upheld's: what comes of that is settled where the status is looked at
  }
}
