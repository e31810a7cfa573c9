/** What several views share: icons, the words of a state, the words of a promise, buttons that can be undone. */
import { html } from "htm/preact";
import { useEffect, useRef } from "preact/hooks";
import { speakUp, undo } from "../actions";
import type { Handoff, Item, Problem, Said, Words } from "../model";
import { canUndo, type Entry } from "../outbox";
import { isNew, type Standing, saidOf, standing, type Task } from "../standing";
import * as state from "../state";
import { langOf, msg, t } from "../texts";
import { due } from "../times";

export type View = ReturnType<typeof html>;

const PATHS = {
  received: "M12 3a9 9 0 1 0 0 18 9 9 0 0 0 0-18M8 12l3 3 5-6",
  waiting: "M3 6h18v12H3zM3 6l9 7 9-7",
  saved: "M6 3h12v18H6zM10 17h4",
  declined: "M12 3a9 9 0 1 0 0 18 9 9 0 0 0 0-18M8 8l8 8m0-8l-8 8",
  open: "M12 3a9 9 0 1 0 0 18 9 9 0 0 0 0-18M12 7v5l4 2",
  overdue: "M12 3l10 18H2zM12 10v5m0 2.5v.5",
  place: "M12 21c-4-5-6-8-6-11a6 6 0 0 1 12 0c0 3-2 6-6 11zM12 8a2 2 0 1 0 0 4 2 2 0 0 0 0-4",
  changed: "M4 20l1-5L16 4l4 4L9 19zM13 7l4 4",
  new: "M12 3v18M3 12h18M5.6 5.6l12.8 12.8M18.4 5.6L5.6 18.4",
  van: "M2 6h12v11H2zM14 10h4l4 4v3h-8zM6.5 20a2 2 0 1 0 0-4 2 2 0 0 0 0 4M17.5 20a2 2 0 1 0 0-4 2 2 0 0 0 0 4",
  back: "M15 4l-8 8 8 8",
  more: "M5 12h.01M12 12h.01M19 12h.01",
  list: "M4 6l2 2 3-4M4 16l2 2 3-4M12 6h9M12 17h9",
  undo: "M9 5L4 10l5 5M4 10h10a6 6 0 0 1 0 12h-3",
  scan: "M4 8V4h4M16 4h4v4M20 16v4h-4M8 20H4v-4M7 12h10",
  camera: "M3 7h4l2-3h6l2 3h4v13H3zM12 10a3.5 3.5 0 1 0 0 7 3.5 3.5 0 0 0 0-7",
  send: "M3 12l18-9-6 18-4-7z",
  no_network:
    "M3 3l18 18M5 12a10 10 0 0 1 4-2.5M2 8.500a15 15 0 0 1 5-3M12 5c4 0 7.500 1.500 10 3.500M15 10c1.500.500 3 1 4 2M12 19h.01",
  bell: "M6 17V11a6 6 0 0 1 12 0v6l2 2H4zM10 21h4",
} as const;

export type Icon = keyof typeof PATHS;

export const icon = (name: Icon): View =>
  html`<svg class="icon" viewBox="0 0 24 24" aria-hidden="true"><path d=${PATHS[name]} /></svg>`;

const STANDINGS: Record<Standing, { icon: Icon; tone: string; words: string }> = {
  received: { icon: "received", tone: "done", words: msg("Confirmed: you know") },
  held: { icon: "received", tone: "done", words: msg("Confirmed: you have it") },
  nothing_asked: { icon: "open", tone: "", words: msg("Nothing to confirm") },
  known_not_held: { icon: "waiting", tone: "alarm", words: msg("You know of it, and do not have it yet") },
  declined: { icon: "declined", tone: "alarm", words: msg("You said that you cannot") },
  not_confirmed: { icon: "waiting", tone: "alarm", words: msg("Not confirmed yet") },
  undo: { icon: "saved", tone: "saved", words: msg("Saved on this phone, not sent") },
  saved: { icon: "saved", tone: "saved", words: msg("Saved on this phone, not sent") },
  refused: { icon: "declined", tone: "alarm", words: msg("Not recorded") },
};

/** Why the server did not record something, in the reader's words where the code has some; else in its own. */
const REFUSALS: Record<string, string> = {
  commitment_closed: msg("it is kept or withdrawn by now"),
  commitment_not_closed: msg("it is open already"),
  forbidden: msg("it is not yours"),
  not_found: msg("there is no such promise any more"),
  photos_are_off: msg("photos are switched off"),
};

export const whyRefused = ({ code, detail, errors }: Problem): string =>
  REFUSALS[code] === undefined ? (errors?.[0]?.detail ?? detail) : t(REFUSALS[code]);

/** What was said, in words, for what waits on this phone. */
export function saying({ said }: { said: Said }): string {
  if (said.command === "fulfilment") return t("Kept");
  if (said.command === "attempts") return t("Tried: %(why)s", { why: t(OUTCOMES[said.outcome]) });
  if (said.command === "reopening") return t("Taken back");
  if (said.state === "declined") return said.reason ? `${t("I can't")}: ${said.reason}` : t("I can't");
  return said.state === "held" ? heldWords(said.role) : t("I know");
}

export const heldWords = (role: string): string => (role === "courier" ? t("It is in the van") : t("I have it"));

export const OUTCOMES = {
  customer_absent: msg("Nobody was there"),
  no_access: msg("No access"),
  wrong_address: msg("Wrong address"),
  customer_refused: msg("The customer refused it"),
  damaged: msg("It is damaged"),
  other: msg("Something else"),
};

export const mark = (name: Icon, tone: string, words: string): View =>
  html`<span class="mark ${tone}">${icon(name)}<span>${words}</span></span>`;

/** How a hand-off stands, in words and with an icon. */
export function standingOf(task: Task, handoff: Handoff): View {
  const entry = saidOf(handoff, task.entries);
  // Where nothing was said here, time changes nothing, and nothing is to be drawn anew.
  const shown = STANDINGS[standing(handoff, task.entries, entry ? state.here.value : 0)];
  return mark(shown.icon, shown.tone, entry ? `${saying(entry)}: ${t(shown.words)}` : t(shown.words));
}

/** What is to be noticed of a promise, the most important first. */
export function marksOf(task: Task): View[] {
  const marks: View[] = [];
  if (task.commitment.reopened_as === "disputed")
    marks.push(mark("overdue", "alarm", t("The customer says it did not happen")));
  if (task.before !== null) marks.push(mark("changed", "alarm", t("Changed")));
  else if (isNew(task, state.day.value)) marks.push(mark("new", "alarm", t("New")));
  for (const handoff of task.handoffs) {
    if (handoff.asked !== "none" || saidOf(handoff, task.entries)) marks.push(standingOf(task, handoff));
  }
  if (isOverdue(task)) marks.push(mark("overdue", "alarm", t("Overdue")));
  return marks;
}

export const isOverdue = (task: Task): boolean =>
  task.commitment.status === "broken" || Date.parse(task.commitment.due.at) <= state.now.value;

export const dueWords = (at: string): string => due(Date.parse(at), state.zone.value, state.now.value);

/** Words that somebody said to the customer, as they were recorded. */
export const promised = (words: string | null, tag = "p", name = "promise"): View =>
  words === null
    ? html`<${tag} class=${name}>${t("(erased)")}<//>`
    : html`<${tag} class=${name} lang=${langOf(words)} dir="auto">${words}<//>`;

export const itemsOf = (items: Item[] | null): View | null =>
  items !== null && items.length > 0
    ? html`<ul class="items">${items.map((item) => html`<li><b>${item.quantity} ×</b> ${item.sku}</li>`)}</ul>`
    : null;

export const wordsShown = (words: Words, tag = "p"): View =>
  html`${promised(words.promise, tag)}${itemsOf(words.items)}<p class="due">${dueWords(words.due_at)}</p>`;

/** A tap that can still be undone, with how long; `always` where it can be as long as it is not sent. */
export function undoButton(entry: Entry, { always = false } = {}): View | null {
  const isHeld = canUndo(entry, state.here.value);
  if (!isHeld && !always) return null;
  const seconds = Math.ceil((entry.held_until - state.here.value) / 1000);
  return html`<button type="button" class="undo" onClick=${() => undo(entry)}>
    ${icon("undo")}<span>${t("Undo")} ${isHeld && html`<span aria-hidden="true">(${seconds})</span>`}</span>
  </button>`;
}

/** Tells who cannot see it once the server has recorded what was said here; until then it was on this phone only. */
export function useRecorded(entry: Entry | undefined): void {
  const before = useRef(entry);
  useEffect(() => {
    const was = before.current;
    before.current = entry;
    const isUndone = was !== undefined && canUndo(was, Date.now());
    if (was !== undefined && entry === undefined && !isUndone) speakUp(`${saying(was)}: ${t("Recorded")}`);
  }, [entry]);
}

/** What people are, in words; a role of the company's own is called as it calls it. */
export const ROLES = [
  msg("courier"),
  msg("agent"),
  msg("warehouse"),
  msg("finance"),
  msg("technician"),
  msg("supervisor"),
  msg("system"),
  msg("team"),
];

/** Somebody, to a keeper: the id, and what he is. */
export function actorWords(actor: string): string {
  const [role = "", id = ""] = actor.split(/:(.*)/s);
  return `${id} (${ROLES.includes(role) ? t(role) : role})`;
}

export const stopWords = (stop: number | null, order_id: string | null): string =>
  stop !== null ? t("Stop %(number)s", { number: stop }) : order_id !== null ? t("Not planned") : t("Without an order");
