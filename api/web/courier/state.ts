/** What the page shows, as signals: all of it is read from the store, so that nothing is shown that is not written. */
import { batch, computed, signal } from "@preact/signals";
import { commitmentIn } from "./day";
import { kept as atHand } from "./kept";
import { type Day, type Done, emptyDay, type Me, type Notice } from "./model";
import { canUndo, type Entry, isQuiet } from "./outbox";
import type { Server } from "./server";
import { needsKeeper, type Task, tasksOf } from "./standing";
import type { Changed, Remembered, Store } from "./store";
import type { Reached } from "./sync";

export type Trouble =
  /** Nothing more can be written. */
  | "full"
  /** The browser has cleared what was kept. */
  | "lost"
  /** This browser keeps nothing at all. */
  | "none"
  /** The page came over a connection on which browsers keep nothing. */
  | "insecure";

export const me = signal<Me | null>(null);
export const day = signal<Day>(emptyDay(""));
export const entries = signal<Entry[]>([]);
export const notices = signal<Notice[]>([]);
export const done = signal<Done[]>([]);
/** Whether what is remembered was read; before that nothing is known, not even that there is nothing. */
export const isRead = signal(false);

/** Now, by the server's clock as far as it is known, in milliseconds; it goes on by itself. */
export const now = signal(Date.now());
/** Now by this phone's clock: what was said here is timed by it. */
export const here = signal(Date.now());
/** How far the server's clock is ahead. */
export const skew = signal<number | null>(null);

export const reached = signal<Reached | "asking">("asking");
export const isOnline = signal(navigator.onLine);
export const trouble = signal<Trouble | null>(null);
/** What a screen reader is told. */
export const spoken = signal("");
/** A newer version of this page waits. */
export const newer = signal<ServiceWorker | null>(null);
/** Whether the browser has promised not to clear what is kept; null where it does not say. */
export const isPersistent = signal<boolean | null>(null);
/** What the keeper has chosen, and whether this browser is sent messages. */
export const remembered = signal<Partial<Remembered>>({});

export const actor = computed(() => me.value?.actor);

const ZONE = "upheld-courier-zone";
/** Where this phone was last; to find out where it is takes as long as all else that is done before the first look. */
const zoneHere = signal(atHand?.getItem(ZONE) ?? null);

/** Find out where this phone is now. */
export function lookForZone(): string {
  const here = Intl.DateTimeFormat().resolvedOptions().timeZone;
  atHand?.setItem(ZONE, here);
  zoneHere.value = here;
  return here;
}

/** Where the keeper is: as the office says, else as his phone does. */
export const zone = computed(() => (me.value?.known === true ? me.value.time_zone : (zoneHere.value ?? lookForZone())));

export const tasks = computed<Task[]>(() => {
  const known = me.value;
  if (known === null) return [];
  const found = tasksOf(day.value, known.recipients, entries.value, here.value);
  const shown = found.map((task) => kept(before.get(task.commitment.id), task));
  before = new Map(shown.map((task) => [task.commitment.id, task]));
  return shown;
});
let before = new Map<string, Task>();

/** Who is as he was stays the same object, so that only the others are drawn anew. */
function kept(old: Task | undefined, task: Task): Task {
  const isSame = old?.commitment === task.commitment && old.stop === task.stop && old.before === task.before;
  return isSame && old.entries.length === 0 && task.entries.length === 0 ? old : task;
}

export const needing = computed(() => tasks.value.filter((task) => needsKeeper(task, here.value)));
/** What waits to be sent, and not for its keeper to think better of it. */
export const unsent = computed(() =>
  entries.value.filter((entry) => !entry.refused && !isQuiet(entry) && !canUndo(entry, here.value)),
);
export const refused = computed(() => entries.value.filter((entry) => entry.refused !== undefined));
/** The things of the van: promises that ask for something to be in the hand. */
export const things = computed(() =>
  tasks.value.filter((task) => task.handoffs.some((handoff) => handoff.asked === "held")),
);

/** Read again what was written. The day is by far the largest of it, and a tap does not change it. */
export async function refresh(store: Store, server: Server, what: Changed, isEnough: () => boolean): Promise<void> {
  if (what === "outbox") {
    const waiting = me.value === null ? [] : await store.entriesOf(me.value.actor);
    // What was answered meanwhile has left the outbox for the day: neither is shown without the other.
    if (!isEnough()) return;
    batch(() => {
      entries.value = waiting;
      tick();
    });
    return;
  }
  const { remembered: known, ...shown } = await store.shown();
  batch(() => {
    remembered.value = known;
    me.value = known.me ?? null;
    day.value = shown.day;
    entries.value = shown.entries;
    // Who was told that it is not his, and has it again, needs no telling.
    notices.value = shown.notices.filter(
      (one) => !["moved", "gone"].includes(one.why) || !commitmentIn(shown.day, one.commitment_id),
    );
    done.value = shown.done;
    skew.value = server.skew ?? known.skew ?? null;
    tick();
    isRead.value = true;
  });
}

export const tick = (): void =>
  batch(() => {
    here.value = Date.now();
    now.value = here.value + (skew.value ?? 0);
  });
