/** Brings what this phone holds up to date: sends what waits, asks what there is to do, and says what has arrived. */
import { isTask, merge, relocated, setBack, withKnown } from "./day";
import { type Commitment, type Day, type Me, type Notice, type Said, type Stop, wordsOf } from "./model";
import { isQuiet, type Unsaid } from "./outbox";
import { type Sent, send } from "./sending";
import { type Server, Stranger, Unreachable } from "./server";
import type { Store } from "./store";

export type Reached = "reached" | "unreachable" | "stranger";

/** How long what the office says of a keeper, such as his teams, is taken as it is. */
const ME_MS = 5 * 60_000;
const ASKED_AGAIN = 5;
const ASK_AGAIN_MS = 200;

/** One that does it all: `sync()` for the page, for the worker on a push, and for whoever sees that the network is back. */
export class Sync {
  #running: Promise<Reached> | null = null;
  #next: Promise<Reached> | null = null;
  #meReadAt = 0;

  constructor(
    private readonly store: Store,
    private readonly server: Server,
  ) {}

  /** Asked while it runs, it runs once more: what runs may have read already what has changed since. */
  run(): Promise<Reached> {
    if (this.#running === null) {
      this.#running = this.#run().finally(() => {
        this.#running = null;
      });
      return this.#running;
    }
    const again = (): Promise<Reached> => {
      this.#next = null;
      return this.run();
    };
    this.#next ??= this.#running.then(again, again);
    return this.#next;
  }

  async #run(): Promise<Reached> {
    // What was never sent can still be undone; and that there is a network is a guess, but that there is none is not.
    if (!navigator.onLine) return "unreachable";
    try {
      const me = await this.store.recall("me");
      if (me === undefined) return "stranger";
      let sent = await send(this.store, this.server);
      if (sent === "all") {
        await this.#readMe(me.actor);
        await this.#readTasks(me);
        sent = await send(this.store, this.server);
      }
      return (<Record<Sent, Reached>>{ all: "reached", later: "unreachable", stranger: "stranger" })[sent];
    } catch (error) {
      if (error instanceof Unreachable) return "unreachable";
      if (error instanceof Stranger) return "stranger";
      throw error;
    }
  }

  async #readMe(actor: string): Promise<void> {
    if (Date.now() - this.#meReadAt < ME_MS) return;
    const [known, me] = [await this.store.recall("me"), await this.server.me(actor)];
    this.#meReadAt = Date.now();
    if (known?.actor === actor && JSON.stringify(known) !== JSON.stringify(me)) await this.store.remember("me", me);
  }

  async #readTasks(me: Me): Promise<void> {
    const before = await this.store.day(me.actor);
    const tasks = await this.server.tasks(me.actor, before.etag, before.position);
    const now = Date.now() + (this.server.skew ?? 0);
    if (tasks === "set back") {
      await this.store.changeDay(me.actor, setBack);
      return this.#readTasks(me);
    }
    if ("isUnchanged" in tasks) {
      // What he has may be of a later event than the answer said that it came with.
      const seen = (day: Day): number => Math.max(day.position, tasks.position);
      await this.store.changeDay(me.actor, (day) => ({ ...day, fetched_at: now, position: seen(day) }));
      return;
    }
    let [merged, isOvertaken] = [merge(before, tasks.stops, tasks.etag, now, me.recipients), false];
    // Asked before it leaves the list: who closes the page meanwhile is told the next time.
    const notices = await this.#whatIsGone(me, before, merged.gone);
    const take = (day: Day): Day => {
      // What was answered while this was read is newer than what was read: it is asked for again.
      isOvertaken = day.position > before.position;
      merged = merge(day, tasks.stops, tasks.etag, now, me.recipients);
      // Whatever was seen must be there the next time: where it is not, a backup was restored.
      const position = Math.max(day.position, tasks.position);
      return isOvertaken ? day : { ...merged.day, incomplete: tasks.incomplete, position };
    };
    const arrived = (): Unsaid[] =>
      (isOvertaken ? [] : merged.arrived).map(({ commitment, handoff, stop }) =>
        entryOf(me.actor, commitment, stop, { command: "receipts", state: "delivered", role: handoff.role }, 0),
      );
    const gone = (): Notice[] =>
      isOvertaken
        ? []
        : notices.filter((one) => merged.gone.some(({ commitment }) => commitment.id === one.commitment_id));
    const elsewhere = (): Notice[] =>
      (isOvertaken ? [] : relocated(before, tasks.stops)).map(({ stop, commitment, was }) => ({
        ...aboutIt(me, commitment, stop),
        why: "elsewhere",
        was,
        is: stop.address ?? "",
      }));
    await this.store.changeDay(me.actor, take, arrived, () => [...gone(), ...elsewhere()]);
    if (isOvertaken) return this.#readTasks(me);
    for (const { id, revision } of merged.unknown) {
      const words = wordsOf(await this.server.commitment(me.actor, id, revision));
      await this.store.changeDay(me.actor, (day) => withKnown(day, id, words));
    }
  }

  /** A promise that leaves the screen by no tap of this phone: the keeper is told where it went. */
  async #whatIsGone(me: Me, before: Day, gone: { commitment: Commitment; stop: Stop }[]): Promise<Notice[]> {
    const said = new Set(
      (await this.store.entriesOf(me.actor)).filter((entry) => !isQuiet(entry)).map((entry) => entry.commitment_id),
    );
    const notices: Notice[] = [];
    for (const { commitment, stop } of gone) {
      // What lay with his team and was claimed by a colleague was never his.
      const own = commitment.handoffs.filter((handoff) => handoff.recipient === me.actor);
      const known = own.length > 0 && (commitment.id in before.known || commitment.id in before.opened);
      const asked = own.some((handoff) => handoff.asked !== "none");
      if ((known || asked) && !said.has(commitment.id)) notices.push(await this.#whyGone(me, commitment, stop));
    }
    return notices;
  }

  /** A promise that is no task of his any more. The server's lists and its promises may be a moment apart. */
  async #asItIsNow(me: Me, id: string): Promise<Commitment> {
    let now = await this.server.commitment(me.actor, id);
    for (let again = 0; again < ASKED_AGAIN && isTask(now, me.recipients); again += 1) {
      await new Promise((done) => setTimeout(done, ASK_AGAIN_MS));
      now = await this.server.commitment(me.actor, id);
    }
    return now;
  }

  async #whyGone(me: Me, commitment: Commitment, stop: Stop): Promise<Notice> {
    const about = aboutIt(me, commitment, stop);
    let now: Commitment;
    try {
      now = await this.#asItIsNow(me, commitment.id);
    } catch (error) {
      // Where it cannot be read the keeper is told all the same, only not why.
      if (error instanceof Unreachable && error.isAnswered) return { ...about, why: "gone" };
      throw error;
    }
    if (now.status === "kept" || now.status === "withdrawn") return { ...about, why: now.status };
    const roles = commitment.handoffs
      .filter((one) => me.recipients.includes(one.recipient ?? ""))
      .map((one) => one.role);
    const recipient = now.handoffs.find((one) => roles.includes(one.role))?.recipient;
    return recipient && recipient !== me.actor ? { ...about, why: "moved", recipient } : { ...about, why: "gone" };
  }
}

const aboutIt = (me: Me, commitment: Commitment, stop: Stop): Omit<Notice, "why"> => ({
  actor: me.actor,
  commitment_id: commitment.id,
  promise: commitment.promise,
  stop: stop.stop,
  order_id: stop.order_id,
});

/** What is written into the outbox when something is said of a promise, as it is on the screen. */
export function entryOf(
  actor: string,
  commitment: Commitment,
  stop: Stop | undefined,
  said: Said,
  undo_ms: number,
): Unsaid {
  const now = Date.now();
  return {
    key: crypto.randomUUID(),
    actor,
    commitment_id: commitment.id,
    revision: commitment.revision,
    said,
    said_at: now,
    held_until: now + undo_ms,
    promise: commitment.promise,
    order_id: commitment.order_id,
    stop: stop?.stop ?? null,
  };
}
