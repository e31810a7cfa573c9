/**
 * Chance plays a day against a small model of the server: taps, undos, requests that never arrive, answers that are lost,
 * a page and a worker that send at once. Whatever happens, each thing that was said becomes one event.
 */
import assert from "node:assert/strict";
import { mock, test } from "node:test";
import fc from "fast-check";
import type { Me } from "../../api/web/courier/model";
import { type Answer, type Entry, left, type Settled, UNDO_MS } from "../../api/web/courier/outbox";
import { send } from "../../api/web/courier/sending";
import type { Answered, Server } from "../../api/web/courier/server";
import { commitment, entry, LI } from "./made";

const DAY_MS = 24 * 3_600_000;
const ME: Me = { actor: LI, name: null, locale: null, time_zone: "UTC", photos: false, known: true, recipients: [LI] };

type Fate = "answered" | "never arrived" | "answer lost" | "overloaded" | "sign-in page";
type Turn = () => Promise<void>;

/** What the store remembers, in memory: each method is one transaction. */
class Phone {
  entries_: Entry[] = [];
  #seq = 0;
  constructor(private readonly turn: Turn) {}

  say(commitment_id: string, command: Entry["said"]["command"]): string {
    const [seq, now] = [++this.#seq, Date.now()];
    const thing = `thing ${seq}`;
    const said = {
      receipts: { command: "receipts", state: "declined", role: "courier", reason: thing },
      fulfilment: { command: "fulfilment", note: thing },
      attempts: { command: "attempts", outcome: "other", note: thing },
      reopening: { command: "reopening", reason: "mistaken" },
    }[command] as Entry["said"];
    this.entries_.push(entry(seq, { commitment_id, said, key: thing, said_at: now, held_until: now + UNDO_MS }));
    return thing;
  }

  undo(thing: string): boolean {
    const found = this.entries_.find((one) => one.key === thing && one.body === undefined);
    if (found !== undefined) this.entries_ = this.entries_.filter((one) => one !== found);
    return found !== undefined;
  }

  async recall(name: string): Promise<never> {
    await this.turn();
    return (name === "me" ? ME : undefined) as never;
  }

  async entriesOf(): Promise<Entry[]> {
    await this.turn();
    return [...this.entries_];
  }

  async fix(entries: readonly Entry[]): Promise<Entry[]> {
    await this.turn();
    return entries.flatMap((one) => {
      const held = this.#held(one);
      if (held === undefined) return [];
      if (held.body !== undefined) return [held];
      this.#put(one);
      return [one];
    });
  }

  async settle(results: { entry: Entry; settled: Settled }[]): Promise<void> {
    await this.turn();
    for (const { entry: one, settled } of results) {
      const held = this.#held(one);
      if (held === undefined) continue;
      if (settled.what !== "recorded" && (held.key !== one.key || held.refused)) continue;
      const stays = left(one, settled, () => `${one.key}, again`);
      if (stays === null) this.entries_ = this.entries_.filter(({ seq }) => seq !== one.seq);
      else this.#put(stays);
    }
  }

  readonly #held = ({ seq }: Entry): Entry | undefined => this.entries_.find((one) => one.seq === seq);
  #put(entry: Entry): void {
    this.entries_ = this.entries_.map((one) => (one.seq === entry.seq ? entry : one));
  }
}

/** The server as the phone sees it: one key is one event, and a time must lie within the last day. */
class Office implements Pick<Server, "send" | "skew"> {
  skew: number | null = null;
  readonly events: { commitment_id: string; thing: string }[] = [];
  readonly #answers = new Map<string, { sent: string; answer: Answer }>();

  constructor(
    private readonly turn: Turn,
    private readonly fates: Fate[],
    private readonly ahead: number,
  ) {}

  async send(path: string, _actor: string | null, key: string | null, body: unknown): Promise<Answered> {
    await this.turn();
    const fate = this.fates.shift() ?? "answered";
    if (fate === "never arrived") throw new Lost();
    if (fate === "overloaded") return { status: 503, body: { code: "unavailable" }, position: 0 };
    if (fate === "sign-in page") return { status: 200, body: null, position: 0 };
    const answer = this.#answer(path, key, body as Record<string, unknown>);
    await this.turn();
    if (fate === "answer lost") throw new Lost();
    this.skew = this.ahead;
    return { ...answer, position: this.events.length };
  }

  #answer(path: string, key: string | null, body: Record<string, unknown>): Answer {
    if (path !== "/v1/receipts") return this.#one(path.split("/")[3] as string, key as string, body);
    const receipts = body["receipts"] as { commitment_id: string; idempotency_key: string }[];
    const results = receipts.map(({ commitment_id, idempotency_key, ...rest }) =>
      this.#one(commitment_id, idempotency_key, rest),
    );
    return { status: 200, body: { results } };
  }

  #one(id: string, key: string, body: Record<string, unknown>): Answer {
    const [known, sent] = [this.#answers.get(key), JSON.stringify(body)];
    if (known !== undefined) {
      assert.equal(known.sent, sent, "the same key is sent in the very same words");
      return known.answer;
    }
    const [now, at] = [Date.now() + this.ahead, body["at"]];
    if (at !== undefined && (Date.parse(String(at)) > now || now - Date.parse(String(at)) > DAY_MS)) {
      return { status: 422, body: { code: "invalid", errors: [{ pointer: "/at", detail: "is no time for it" }] } };
    }
    this.events.push({ commitment_id: id, thing: String(body["reason"] ?? body["note"]) });
    const answer = { status: 200, body: commitment(id) };
    this.#answers.set(key, { sent, answer });
    return answer;
  }
}

class Lost extends Error {}

type Step =
  | { what: "say"; id: string; command: Entry["said"]["command"] }
  | { what: "undo"; which: number }
  | { what: "wait"; ms: number }
  | { what: "send" };

const steps: fc.Arbitrary<Step> = fc.oneof(
  fc.record({
    what: fc.constant("say" as const),
    id: fc.constantFrom("c-1", "c-2", "c-3"),
    command: fc.constantFrom("receipts" as const, "fulfilment" as const, "attempts" as const),
  }),
  fc.record({ what: fc.constant("undo" as const), which: fc.nat(5) }),
  fc.record({ what: fc.constant("wait" as const), ms: fc.constantFrom(100, 3_000, 6_000, 40_000, DAY_MS - 50_000) }),
  fc.record({ what: fc.constant("send" as const) }),
);

const fates = fc.array(
  fc.constantFrom<Fate>("answered", "never arrived", "answer lost", "overloaded", "sign-in page"),
  { maxLength: 12 },
);

/** One sender after the other, as `navigator.locks` has it. */
function locks(): { request: <T>(name: string, work: () => Promise<T>) => Promise<T> } {
  let last: Promise<unknown> = Promise.resolve();
  return {
    request: (_, work) => {
      const mine = last.then(work);
      last = mine.catch(() => undefined);
      return mine;
    },
  };
}

function browser(having: object): void {
  Object.defineProperty(globalThis, "navigator", { value: having, configurable: true });
}

async function play(scheduler: fc.Scheduler, told: Step[], fates: Fate[], ahead: number): Promise<void> {
  const turn: Turn = async () => {
    await scheduler.schedule(Promise.resolve());
  };
  const [phone, office] = [new Phone(turn), new Office(turn, [...fates], ahead)];
  const [said, undone] = [new Map<string, string>(), new Set<string>()];
  const trying = async (): Promise<void> => {
    await send(phone, office).catch((error: unknown) => {
      if (!(error instanceof Lost)) throw error;
    });
  };
  const senders: Promise<void>[] = [];
  for (const step of told) {
    if (step.what === "say") said.set(phone.say(step.id, step.command), step.id);
    else if (step.what === "wait") mock.timers.tick(step.ms);
    else if (step.what === "send") senders.push(trying());
    else {
      const thing = [...said.keys()].at(-1 - step.which);
      if (thing !== undefined && phone.undo(thing)) undone.add(thing);
    }
    if (scheduler.count() > 0) await scheduler.waitNext(1);
  }
  await scheduler.waitFor(Promise.all(senders));
  mock.timers.tick(UNDO_MS + 1);
  while (phone.entries_.length > 0) await scheduler.waitFor(trying());

  const kept = [...said].filter(([thing]) => !undone.has(thing));
  const events = office.events.map(({ thing }) => thing);
  assert.deepEqual([...events].sort(), kept.map(([thing]) => thing).sort(), "one event for each thing");
  for (const id of ["c-1", "c-2", "c-3"]) {
    const mine = kept.filter(([, of]) => of === id).map(([thing]) => thing);
    assert.deepEqual(
      office.events.filter((one) => one.commitment_id === id).map(({ thing }) => thing),
      mine,
    );
  }
}

for (const [having, how] of [
  [true, "one at a time"],
  [false, "at once, where a browser has no locks"],
] as const) {
  test(`each thing that was said becomes one event, with senders ${how}`, async () => {
    mock.timers.enable({ apis: ["Date"], now: Date.parse("2026-11-25T02:00:00Z") });
    // Who sends at once does so with a clock that is right: else the words themselves may be refused on the way.
    const clocks = having ? fc.constantFrom(0, -3 * 3_600_000, 2 * DAY_MS) : fc.constant(0);
    try {
      await fc.assert(
        fc.asyncProperty(
          fc.scheduler(),
          fc.array(steps, { maxLength: 25 }),
          fates,
          clocks,
          async (scheduler, told, fates, ahead) => {
            browser(having ? { locks: locks() } : {});
            await play(scheduler, told, fates, ahead);
          },
        ),
        { numRuns: 300, interruptAfterTimeLimit: 20_000, markInterruptAsFailure: true },
      );
    } finally {
      mock.timers.reset();
    }
  });
}
