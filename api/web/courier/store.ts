/**
 * What this phone remembers, in IndexedDB: the same for the page, for another tab and for the worker.
 *
 * Whatever belongs together is written in one transaction; whoever writes tells the others.
 */
import {
  type DBSchema,
  type IDBPDatabase,
  type IDBPObjectStore,
  type IDBPTransaction,
  openDB,
  type StoreNames,
} from "idb";
import { commitmentIn, isTask, withAnswer } from "./day";
import { type Commitment, type Day, type Done, emptyDay, type Me, type Notice, type WhyNot } from "./model";
import { canUndo, type Entry, isQuiet, left, type Settled, type Unsaid } from "./outbox";

/** Small things that are remembered, by name. */
export interface Remembered {
  me: Me;
  /** How far the server's clock is ahead of this phone's, in milliseconds. */
  skew: number;
  locale: string;
  theme: "light" | "dark";
  /** When the keeper said that he does not want to be told, or wants to be. */
  push_asked: number;
  push_endpoint: string;
}

/** What was written: something in the outbox alone, or anything. */
export type Changed = "outbox" | "all";

export interface Shown {
  remembered: Partial<Remembered>;
  day: Day;
  entries: Entry[];
  notices: Notice[];
  done: Done[];
}

interface Schema extends DBSchema {
  days: { key: string; value: Day };
  outbox: { key: number; value: Entry; indexes: { key: string } };
  notices: { key: number; value: Notice };
  done: { key: number; value: Done };
  remembered: { key: string; value: unknown };
}

type Outbox = IDBPObjectStore<Schema, StoreNames<Schema>[], "outbox", "readwrite">;
type Writing = IDBPTransaction<Schema, StoreNames<Schema>[], "readwrite">;

const NAME = "upheld-courier";
const KEPT_MS = 48 * 3_600_000;
const ALL: StoreNames<Schema>[] = ["days", "outbox", "notices", "done", "remembered"];

export class Store {
  #opened: Promise<IDBPDatabase<Schema>> | null = null;
  readonly #channel = new BroadcastChannel(NAME);

  /** `lost` is called when the browser takes the storage away while it is in use. */
  constructor(
    private readonly changed: (what: Changed) => void = () => undefined,
    private readonly lost: () => void = () => undefined,
  ) {
    this.#channel.onmessage = ({ data }) => this.changed(data === "outbox" ? data : "all");
  }

  #database(): Promise<IDBPDatabase<Schema>> {
    this.#opened ??= openDB<Schema>(NAME, 2, {
      upgrade(database, version, _newest, tx) {
        if (version === 1) {
          // It was written in another form, and would not be shown for more than two days.
          void tx.objectStore("done").clear();
          return;
        }
        database.createObjectStore("days", { keyPath: "actor" });
        database
          .createObjectStore("outbox", { keyPath: "seq", autoIncrement: true })
          .createIndex("key", "key", { unique: true });
        database.createObjectStore("notices", { keyPath: "id", autoIncrement: true });
        database.createObjectStore("done", { keyPath: "id", autoIncrement: true });
        database.createObjectStore("remembered");
      },
      // A newer page wants to change the stores: it must not wait for this one.
      blocking: () => void this.#close(),
      terminated: () => {
        this.#opened = null;
        this.lost();
      },
    }).catch((error: unknown) => {
      this.#opened = null;
      throw error;
    });
    return this.#opened;
  }

  async #close(): Promise<void> {
    const opened = this.#opened;
    this.#opened = null;
    (await opened)?.close();
  }

  async #write<T>(work: (tx: Writing) => Promise<T>, what: Changed = "all"): Promise<T> {
    const tx = (await this.#database()).transaction(ALL, "readwrite", { durability: "strict" });
    let result: T;
    try {
      result = await work(tx);
    } catch (error) {
      // What failed is told by `error`; that the transaction ends with it is no news.
      tx.done.catch(() => undefined);
      try {
        tx.abort();
      } catch {
        // It has ended by itself: the storage is full.
      }
      throw error;
    }
    await tx.done;
    // Whoever shows what is remembered looks again: here, in other tabs and in the worker.
    this.#channel.postMessage(what);
    this.changed(what);
    return result;
  }

  async recall<K extends keyof Remembered>(name: K): Promise<Remembered[K] | undefined> {
    return (await (await this.#database()).get("remembered", name)) as Remembered[K] | undefined;
  }

  async remember<K extends keyof Remembered>(name: K, value: Remembered[K] | undefined): Promise<void> {
    await this.#write(async (tx) => {
      const stored = tx.objectStore("remembered");
      await (value === undefined ? stored.delete(name) : stored.put(value, name));
    });
  }

  async day(actor: string): Promise<Day> {
    return (await (await this.#database()).get("days", actor)) ?? emptyDay(actor);
  }

  /** Change a day, and say and tell what comes of it; the change sees what another tab has just made of the day. */
  async changeDay(
    actor: string,
    change: (day: Day) => Day,
    say: () => Unsaid[] = () => [],
    tell: () => Notice[] = () => [],
  ): Promise<void> {
    await this.#write(async (tx) => {
      const days = tx.objectStore("days");
      await days.put(change((await days.get(actor)) ?? emptyDay(actor)));
      await add(tx.objectStore("outbox"), say());
      for (const notice of tell()) await tx.objectStore("notices").add(notice);
    });
  }

  /** What there is to show of whoever uses the phone: all as of one moment, and read in one go. */
  async shown(): Promise<Shown> {
    const tx = (await this.#database()).transaction(ALL);
    const stored = tx.objectStore("remembered");
    const [names, values, entries, notices, done] = await Promise.all([
      stored.getAllKeys(),
      stored.getAll(),
      tx.objectStore("outbox").getAll(),
      tx.objectStore("notices").getAll(),
      tx.objectStore("done").getAll(),
    ]);
    const remembered: Partial<Remembered> = Object.fromEntries(names.map((name, number) => [name, values[number]]));
    const actor = remembered.me?.actor ?? "";
    const day = (await tx.objectStore("days").get(actor)) ?? emptyDay(actor);
    const own = <T extends { actor: string }>(rows: T[]): T[] => rows.filter((row) => row.actor === actor);
    return { remembered, day, entries: own(entries), notices: own(notices), done: own(done) };
  }

  /** What waits that somebody has said: what another keeper said on this phone waits until he is back. */
  async entriesOf(actor: string): Promise<Entry[]> {
    return (await (await this.#database()).getAll("outbox")).filter((entry) => entry.actor === actor);
  }

  /**
   * Say something: it is in the outbox when this returns. What waits there already in the very same words is not said
   * twice; answers how many are new.
   */
  async say(...said: Unsaid[]): Promise<number> {
    return this.#write((tx) => add(tx.objectStore("outbox"), said), "outbox");
  }

  /** Take back what was not sent yet; false where it is too late. */
  async undo(key: string): Promise<boolean> {
    return this.#write(async (tx) => {
      const outbox = tx.objectStore("outbox");
      const entry = await outbox.index("key").get(key);
      if (entry === undefined || entry.body !== undefined) return false;
      await outbox.delete(entry.seq);
      return true;
    }, "outbox");
  }

  /** Nothing of what somebody said is held back to be undone any more. */
  async release(actor: string): Promise<void> {
    const entries = await this.entriesOf(actor);
    await this.fix(entries.filter((entry) => !entry.body).map((entry) => ({ ...entry, held_until: 0 })));
  }

  async dismiss(entry: Entry): Promise<void> {
    await this.#write((tx) => tx.objectStore("outbox").delete(entry.seq), "outbox");
  }

  /**
   * What is about to be sent, in the words in which it will be sent from now on. What was undone meanwhile is left out,
   * and what somebody else has begun to send is sent as he does.
   */
  async fix(entries: readonly Entry[]): Promise<Entry[]> {
    return this.#write(async (tx) => {
      const outbox = tx.objectStore("outbox");
      const fixed: Entry[] = [];
      for (const entry of entries) {
        const held = await outbox.get(entry.seq);
        if (held === undefined) continue;
        if (held.body === undefined) await outbox.put(entry);
        fixed.push(held.body === undefined ? entry : held);
      }
      return fixed;
    }, "outbox");
  }

  /** Record what the server answered; only with that does an entry leave the outbox. */
  async settle(results: { entry: Entry; settled: Settled }[], position: number, me: Me, now: number): Promise<void> {
    await this.#write(async (tx) => {
      const [outbox, days] = [tx.objectStore("outbox"), tx.objectStore("days")];
      const changed = new Map<string, Day>();
      for (const { entry, settled } of results) {
        const held = await outbox.get(entry.seq);
        // Somebody else may have sent it as well, and had his answer before; what is recorded is recorded.
        if (held === undefined) continue;
        if (settled.what !== "recorded" && (held.key !== entry.key || held.refused)) continue;
        const stays = left(entry, settled, () => crypto.randomUUID());
        if (stays === entry) continue;
        await (stays === null ? outbox.delete(entry.seq) : outbox.put(stays));
        if (settled.what !== "recorded") continue;
        const day = changed.get(entry.actor) ?? (await days.get(entry.actor)) ?? emptyDay(entry.actor);
        await note(tx, entry, settled.commitment, settled.why_not, day, now);
        const recipients = entry.actor === me.actor ? me.recipients : [entry.actor];
        const next = isTold(entry, settled, recipients) ? withAnswer(day, settled.commitment, recipients) : { ...day };
        // It was open before: it comes back, and is not new.
        if (entry.said.command === "reopening")
          next.opened = { ...next.opened, [entry.commitment_id]: settled.commitment.revision };
        changed.set(entry.actor, { ...next, etag: null, position: Math.max(day.position, position) });
      }
      // Once for all that was answered: a day is large.
      for (const day of changed.values()) await days.put(day);
    });
  }

  async dismissNotice(id: number): Promise<void> {
    await this.#write((tx) => tx.objectStore("notices").delete(id));
  }
}

async function add(outbox: Outbox, said: Unsaid[]): Promise<number> {
  let [waiting, added] = [said.length > 0 ? await outbox.getAll() : [], 0];
  for (const entry of said) {
    if (waiting.some((other) => !other.refused && isSame(other, entry))) continue;
    if (!isQuiet(entry)) waiting = await makeWay(outbox, waiting, entry);
    await outbox.add(entry as Entry);
    added += 1;
  }
  return added;
}

/** Whoever goes on to the next thing has meant the one before; what he says anew takes the place of what was refused. */
async function makeWay(outbox: Outbox, waiting: Entry[], entry: Unsaid): Promise<Entry[]> {
  for (const other of waiting) {
    if (other.refused && isAbout(other, entry)) await outbox.delete(other.seq);
    else if (other.commitment_id === entry.commitment_id && canUndo(other, entry.said_at)) {
      await outbox.put({ ...other, held_until: entry.said_at });
    }
  }
  return outbox.getAll();
}

/**
 * Whether the keeper knows why a promise leaves the list, if it does: he did it, or is told. Else it stays until the
 * next reading, which takes it off and tells why.
 */
function isTold(entry: Entry, settled: Settled & { what: "recorded" }, recipients: readonly string[]): boolean {
  if (entry.said.command === "fulfilment" || (!isQuiet(entry) && settled.why_not !== null)) return true;
  return isTask(settled.commitment, recipients);
}

/** What is remembered of an answer beside the day: that it does not count, or what became of the promise by it. */
async function note(
  tx: Writing,
  entry: Entry,
  commitment: Commitment,
  why_not: WhyNot | null,
  day: Day,
  now: number,
): Promise<void> {
  const about = {
    actor: entry.actor,
    commitment_id: entry.commitment_id,
    promise: entry.promise,
    order_id: entry.order_id,
  };
  if (why_not !== null && !isQuiet(entry)) {
    const stop = commitmentIn(day, commitment.id)?.stop.stop ?? entry.stop;
    await tx.objectStore("notices").add({ ...about, why: why_not, stop });
  }
  if (isQuiet(entry)) return;
  const done = tx.objectStore("done");
  for (const old of await done.getAll()) if (old.at < now - KEPT_MS && old.id !== undefined) await done.delete(old.id);
  await done.add({ ...about, said: entry.said, at: entry.said_at, why_not });
}

/** Whether two say the same of the same promise: a double tap, or a tap in two tabs. */
function isSame(a: Entry, b: Unsaid): boolean {
  return isAbout(a, b) && a.revision === b.revision && JSON.stringify(a.said) === JSON.stringify(b.said);
}

function isAbout(a: Entry, b: Unsaid): boolean {
  const of = (entry: Unsaid): string =>
    entry.said.command === "receipts" ? `receipts ${entry.said.role}` : entry.said.command;
  return a.actor === b.actor && a.commitment_id === b.commitment_id && of(a) === of(b);
}
