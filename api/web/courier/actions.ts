/** What a keeper does on this page. Whatever he says is in the outbox before the screen changes. */
import { withOpened, withRead } from "./day";
import type { Commitment, Done, Handoff, Outcome, Said, Stop } from "./model";
import { canUndo, type Entry, isQuiet, UNDO_MS } from "./outbox";
import { Server } from "./server";
import type { Task } from "./standing";
import * as state from "./state";
import { nothingIsMissing } from "./storage";
import { type Changed, Store } from "./store";
import { entryOf, Sync } from "./sync";
import { t } from "./texts";
import { forget, isDoubleTap, SETTLING_MS, settling } from "./thumbs";

export const store = new Store(
  (what) => void refresh(what),
  () => {
    state.trouble.value = "lost";
    state.spoken.value = "";
    void untilReadable();
  },
);
export const server = new Server((skew) => {
  if (Math.abs(skew - (state.skew.value ?? Number.POSITIVE_INFINITY)) > 1000) void store.remember("skew", skew);
  state.skew.value = skew;
});
const sync = new Sync(store, server);

let timer: ReturnType<typeof setTimeout> | undefined;
let reading: Promise<void> | null = null;
let stale: Changed | null = null;

/** Read again what is remembered. Asked while it reads, it reads once more, and not as often as it was asked. */
export function refresh(wanted: Changed = "all"): Promise<void> {
  if (stale !== "all") stale = wanted;
  reading ??= (async () => {
    while (stale !== null) {
      const what: Changed = stale;
      stale = null;
      await guarded(() => state.refresh(store, server, what, () => stale !== "all"));
    }
    awaitRelease();
  })().finally(() => {
    reading = null;
    if (stale !== null) void refresh(stale);
  });
  return reading;
}

/** Look again when the next thing can no longer be undone. */
function awaitRelease(): void {
  const held = state.entries.value.filter((entry) => canUndo(entry, Date.now())).map((entry) => entry.held_until);
  clearTimeout(timer);
  if (held.length > 0) timer = setTimeout(() => void released(), Math.min(...held) - Date.now() + 20);
}

const LOOK_AGAIN_MS = 200;

/** What the browser is still clearing cannot be opened yet; until it can, the screen shows what is there no more. */
async function untilReadable(): Promise<void> {
  await new Promise((done) => setTimeout(done, LOOK_AGAIN_MS));
  const isRead = await guarded(() => state.refresh(store, server, "all", () => true).then(() => true));
  if (isRead !== true) await untilReadable();
}

async function released(): Promise<void> {
  await refresh("outbox");
  await bringUpToDate();
}

/** Send what waits, and ask what there is to do. */
export async function bringUpToDate(): Promise<void> {
  const reached = await guarded(() => sync.run());
  if (reached !== undefined) state.reached.value = reached;
  void wakeWorkerLater();
}

/** Where the browser can do it, the worker sends what is left once the network is back, even with the page closed. */
async function wakeWorkerLater(): Promise<void> {
  const isWaiting = state.entries.value.some((entry) => !entry.refused && !isQuiet(entry));
  if (!isWaiting || !("serviceWorker" in navigator)) return;
  const registered = (await navigator.serviceWorker.getRegistration("/courier")) as
    | (ServiceWorkerRegistration & { sync?: { register(tag: string): Promise<void> } })
    | undefined;
  // It may be forbidden to this page; the timer of the page does it then.
  await registered?.sync?.register("outbox").catch(() => undefined);
}

/** What cannot be written or read is told to the keeper: it must not look as if it had been. */
export async function guarded<T>(work: () => Promise<T>): Promise<T | undefined> {
  try {
    return await work();
  } catch (error) {
    if (!(error instanceof DOMException)) throw error;
    state.trouble.value = error.name === "QuotaExceededError" ? "full" : state.isRead.value ? "lost" : "none";
    state.spoken.value = "";
    console.error(error);
    return undefined;
  }
}

/** Tell a screen reader, and leave nothing standing that will be untrue. */
export function speakUp(words: string): void {
  state.spoken.value = words;
  setTimeout(() => {
    if (state.spoken.value === words) state.spoken.value = "";
  }, UNDO_MS);
}

/** Whether it is in the outbox now. */
async function say(
  commitment: Commitment,
  stop: Stop | undefined,
  said: Said,
  more: Partial<Entry> = {},
): Promise<boolean> {
  const who = state.me.value;
  if (who === null) return false;
  if (isDoubleTap(commitment.id)) return true;
  const entry = { ...entryOf(who.actor, commitment, stop, said, UNDO_MS), ...more };
  const added = await guarded(() => store.say(entry));
  if (added === undefined) {
    forget();
    return false;
  }
  if (state.trouble.value === "full") state.trouble.value = null;
  settling.value = { id: commitment.id, until: entry.held_until + SETTLING_MS };
  speakUp(t("Saved on this phone, not sent"));
  // Who taps and puts the phone away has said it all the same.
  await refresh("outbox");
  await wakeWorkerLater();
  return true;
}

export const receive = (task: Task, handoff: Handoff, via: "tap" | "scan" | "batch" = "tap"): Promise<boolean> =>
  say(task.commitment, task.stop, {
    command: "receipts",
    state: handoff.asked === "held" ? "held" : "acknowledged",
    role: handoff.role,
    via,
  });

export const decline = (task: Task, handoff: Handoff, reason: string): Promise<boolean> =>
  say(task.commitment, task.stop, { command: "receipts", state: "declined", role: handoff.role, reason, via: "tap" });

export const keep = (task: Task, note: string, photo: Blob | null): Promise<boolean> =>
  say(task.commitment, task.stop, { command: "fulfilment", ...noted(note) }, photo ? { photo } : {});

export const tried = (task: Task, outcome: Outcome, note: string, photo: Blob | null): Promise<boolean> =>
  say(task.commitment, task.stop, { command: "attempts", outcome, ...noted(note) }, photo ? { photo } : {});

const noted = (note: string): { note?: string } => (note.trim() === "" ? {} : { note: note.trim() });

/** A wrong tap is taken back: the history shows both. */
export async function takeBack(one: Done): Promise<void> {
  const { commitment_id: id, promise, order_id } = one;
  const kept = { id, promise, order_id, revision: 0 } as Commitment;
  await say(kept, undefined, { command: "reopening", reason: "mistaken" });
}

export async function undo(entry: Entry): Promise<void> {
  // The button stands where the tap was: the second of a double tap is none.
  if (isDoubleTap(entry.commitment_id)) return;
  settling.value = null;
  const undone = await guarded(() => store.undo(entry.key));
  state.spoken.value = undone === false ? t("Too late: it is being sent.") : t("Undone: nothing was sent.");
}

export async function withoutPhoto(entry: Entry): Promise<void> {
  const { photo: _, refused: __, ...rest } = entry;
  await guarded(() => store.fix([rest]));
  await bringUpToDate();
}

export const dismiss = (entry: Entry): Promise<void> | undefined =>
  guarded(() => store.dismiss(entry)) as Promise<void>;

export async function dismissNotice(id: number | undefined): Promise<void> {
  if (id !== undefined) await guarded(() => store.dismissNotice(id));
}

/** A promise was opened: it was seen, and its words are known from now on. */
export async function open(task: Task): Promise<void> {
  const { commitment, handoffs, stop } = task;
  const { actor, opened } = state.day.value;
  if (opened[commitment.id] === commitment.revision) return;
  const unseen = handoffs.filter(
    (one) => one.asked !== "none" && ["assigned", "sent", "delivered"].includes(one.state),
  );
  const seen = (): ReturnType<typeof entryOf>[] =>
    unseen.map((one) => entryOf(actor, commitment, stop, { command: "receipts", state: "seen", role: one.role }, 0));
  await guarded(() => store.changeDay(actor, (day) => withOpened(day, commitment, handoffs), seen));
  await bringUpToDate();
}

/** Nothing is asked of him, and he has read what changed. */
export async function read(task: Task): Promise<void> {
  const { commitment } = task;
  if (task.handoffs.some((one) => one.asked !== "none")) return;
  await guarded(() => store.changeDay(state.day.value.actor, (day) => withRead(day, commitment)));
}

/** Somebody uses this phone from now on. */
export async function enter(actor: string | null): Promise<void> {
  const known = await server.me(actor);
  // That nobody was known before says nothing about him.
  state.reached.value = "asking";
  await guarded(() => store.remember("me", known));
  await refresh();
  await bringUpToDate();
}

/** Nobody uses it any more. What he said is sent first; what cannot be sent waits until he is back. */
export async function leave({ signsOut = false } = {}): Promise<void> {
  const { actor } = state.day.value;
  await guarded(() => store.release(actor));
  await bringUpToDate();
  if (signsOut) await server.signOut();
  nothingIsMissing();
  await guarded(() => store.remember("me", undefined));
  await refresh();
}
