/** What the page shows, as signals: all of it is read from the store, so that nothing is shown that is not written. */
import { computed, signal } from "@preact/signals";
import { type Day, type Done, emptyDay, type Me, type Notice } from "./model";
import { canUndo, type Entry, isQuiet } from "./outbox";
import type { Server } from "./server";
import { needsKeeper, type Task, tasksOf } from "./standing";
import type { Store } from "./store";
import type { Reached } from "./sync";

export type Trouble =
  /** Nothing more can be written. */
  | "full"
  /** The browser has cleared what was kept. */
  | "lost"
  /** This browser keeps nothing at all. */
  | "none";

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
export const incomplete = signal(false);
export const trouble = signal<Trouble | null>(null);
/** What a screen reader is told. */
export const spoken = signal("");
/** A newer version of this page waits. */
export const newer = signal<ServiceWorker | null>(null);
/** Whether the browser has promised not to clear what is kept; null where it does not say. */
export const isPersistent = signal<boolean | null>(null);
/** When the keeper was asked whether he wants messages. */
export const pushAsked = signal<number | null>(null);
/** Whether this browser is sent messages. */
export const isTold = signal(false);

export const actor = computed(() => me.value?.actor);

export const zone = computed(() => me.value?.time_zone ?? Intl.DateTimeFormat().resolvedOptions().timeZone);
export const tasks = computed<Task[]>(() => {
  const known = me.value;
  return known === null ? [] : tasksOf(day.value, known.recipients, entries.value, here.value);
});
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

export async function refresh(store: Store, server: Server): Promise<void> {
  const known = (await store.recall("me")) ?? null;
  const shown = known === null ? null : await store.shown(known.actor);
  me.value = known;
  day.value = shown?.day ?? emptyDay("");
  entries.value = shown?.entries ?? [];
  notices.value = shown?.notices ?? [];
  done.value = shown?.done ?? [];
  skew.value = server.skew ?? (await store.recall("skew")) ?? null;
  pushAsked.value = (await store.recall("push_asked")) ?? null;
  isTold.value = (await store.recall("push_endpoint")) !== undefined;
  tick();
  isRead.value = true;
}

export function tick(): void {
  here.value = Date.now();
  now.value = here.value + (skew.value ?? 0);
}
