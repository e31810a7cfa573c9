/**
 * How a keeper stands to a promise: what the server has confirmed, and what only this phone knows. Pure.
 *
 * What waits in the outbox is never shown as done: it is "saved on this phone, not sent", a state of its own.
 */
import type { Commitment, Day, Handoff, Stop, Words } from "./model";
import { canUndo, type Entry, isQuiet } from "./outbox";

export type Standing =
  | "received"
  | "held"
  | "nothing_asked"
  | "known_not_held"
  | "declined"
  | "not_confirmed"
  /** Said here, and not sent: it can be undone for some seconds, or waits for the network. */
  | "undo"
  | "saved"
  /** Said here, and the server did not take it. */
  | "refused";

export interface Task {
  commitment: Commitment;
  stop: Stop;
  handoffs: Handoff[];
  /** What the keeper knows of it, where it has changed since. */
  before: Words | null;
  /** What was said of it here and not answered yet, the latest first. */
  entries: Entry[];
}

/** The hand-offs of a commitment that are somebody's, by all the names under which he is asked. */
export const handoffsOf = (commitment: Commitment, recipients: readonly string[]): Handoff[] =>
  commitment.handoffs.filter((handoff) => handoff.recipient !== null && recipients.includes(handoff.recipient));

/** How a hand-off stands. Of what was said here only the latest counts. */
export function standing(handoff: Handoff, entries: readonly Entry[], now: number): Standing {
  const said = saidOf(handoff, entries);
  if (said) return said.refused ? "refused" : canUndo(said, now) ? "undo" : "saved";
  if (handoff.state === "declined") return "declined";
  if (handoff.asked === "none") return "nothing_asked";
  if (handoff.received) return handoff.asked === "held" ? "held" : "received";
  return handoff.state === "acknowledged" ? "known_not_held" : "not_confirmed";
}

/** The latest that was said here of a hand-off, or of the whole promise, by a tap or a scan. */
export const saidOf = (handoff: Handoff, entries: readonly Entry[]): Entry | undefined =>
  entries.find((entry) => !isQuiet(entry) && (entry.said.command !== "receipts" || entry.said.role === handoff.role));

/** Whether this person must say something: a receipt is asked of him and not given, or was not taken. */
export const needsKeeper = (task: Task, now: number): boolean =>
  task.handoffs.some((handoff) =>
    ["not_confirmed", "known_not_held", "refused"].includes(standing(handoff, task.entries, now)),
  );

/** What the keeper can say next: that he undoes, a receipt (or that he cannot), or what became of it; else he waits. */
export type Step = "undo" | "receipt" | "outcome" | "wait";

/** What comes next, as far as this phone knows: a receipt that is not sent yet holds up nobody at the door. */
export function nextStep(handoff: Handoff, entries: readonly Entry[], now: number): Step {
  const said = saidOf(handoff, entries);
  if (said === undefined || said.refused) return lacks(handoff) ? "receipt" : "outcome";
  if (canUndo(said, now)) return "undo";
  if (said.said.command === "receipts") return said.said.state === "declined" ? "receipt" : "outcome";
  return said.said.command === "attempts" ? "outcome" : "wait";
}

const lacks = (handoff: Handoff): boolean =>
  handoff.asked !== "none" && (!handoff.received || handoff.state === "declined");

/** The hand-off about which he is asked first: the first of the path that lacks something. */
export const askedOf = (task: Task, now: number): Handoff =>
  task.handoffs.find((handoff) => ["undo", "receipt"].includes(nextStep(handoff, task.entries, now))) ??
  (task.handoffs[task.handoffs.length - 1] as Handoff);

export const isNew = (task: Task, day: Day): boolean =>
  task.before === null &&
  !(task.commitment.id in day.opened) &&
  task.handoffs.some(
    (one) => one.asked !== "none" && !one.received && !["declined", "acknowledged"].includes(one.state),
  );

/** The tasks of a day in planned order; at each stop those that need this person first. */
export function tasksOf(day: Day, recipients: readonly string[], entries: readonly Entry[], now: number): Task[] {
  const said = new Map<string, Entry[]>();
  for (const entry of [...entries].sort((a, b) => b.seq - a.seq)) {
    if (entry.actor !== day.actor) continue;
    said.set(entry.commitment_id, [...(said.get(entry.commitment_id) ?? []), entry]);
  }
  return day.stops.flatMap((stop) => {
    const found = stop.commitments.map(
      (commitment): Task => ({
        commitment,
        stop,
        handoffs: handoffsOf(commitment, recipients),
        before: changedFrom(commitment, day),
        entries: said.get(commitment.id) ?? [],
      }),
    );
    const mine = found.filter((task) => task.handoffs.length > 0);
    return mine.sort((a, b) => Number(needsKeeper(b, now)) - Number(needsKeeper(a, now)));
  });
}

/** The words that the keeper knows, where the promise has others now. */
export function changedFrom(commitment: Commitment, day: Day): Words | null {
  const known = day.known[commitment.id];
  return known !== undefined && known.revision < commitment.revision ? known : null;
}
