/** How what this phone holds of a day changes: by an answer of the server, by a tap, by opening a promise. Pure. */
import { type Commitment, type Day, type Handoff, isClosed, type Stop, type Words, wordsOf } from "./model";
import { handoffsOf } from "./standing";

export interface Merged {
  day: Day;
  /** What was on the screen and is not any more. */
  gone: { commitment: Commitment; stop: Stop }[];
  /** The hand-offs of which the server does not know yet that the phone has them. */
  arrived: { commitment: Commitment; handoff: Handoff; stop: Stop }[];
  /** Promises that the keeper received in older words, which this phone does not have. */
  unknown: { id: string; revision: number }[];
}

/** The day after the server has said what there is to do. */
export function merge(
  day: Day,
  listed: Stop[],
  etag: string | null,
  at: number,
  recipients: readonly string[],
): Merged {
  const byId = (of: Stop[]): Map<string, Commitment> =>
    new Map(of.flatMap((stop) => stop.commitments.map((commitment) => [commitment.id, commitment])));
  const held = byId(day.stops);
  // A list and its promises may be a moment apart: what went to somebody else since the list was made is no task.
  const newest = listed
    .map((stop) => ({
      ...stop,
      commitments: stop.commitments
        .map((commitment) => newer(held.get(commitment.id), commitment))
        .filter((commitment) => isTask(commitment, recipients)),
    }))
    .filter((stop) => stop.commitments.length > 0);
  const now = byId(newest);
  const gone = day.stops.flatMap((stop) =>
    stop.commitments.filter((commitment) => !now.has(commitment.id)).map((commitment) => ({ commitment, stop })),
  );
  const merged: Day = {
    ...day,
    stops: newest,
    etag,
    fetched_at: at,
    known: only(day.known, now),
    opened: only(day.opened, now),
    arrived: {},
  };
  for (const commitment of now.values()) merged.known = withoutErased(merged.known, commitment);
  const unknown: Merged["unknown"] = [];
  const arrived: Merged["arrived"] = [];
  for (const stop of newest) {
    for (const commitment of stop.commitments) {
      for (const handoff of handoffsOf(commitment, recipients)) {
        if (isAnswered(handoff)) merged.known[commitment.id] = wordsOf(commitment);
        if (handoff.asked === "none") continue;
        const name = `${commitment.id} ${handoff.role}`;
        const waits = handoff.state === "assigned" || handoff.state === "sent";
        // Said once a revision, whatever the server makes of it: it may know of somebody else's phone only.
        if (waits && day.arrived[name] !== handoff.revision) arrived.push({ commitment, handoff, stop });
        merged.arrived[name] = handoff.revision;
        const older = receivedBefore(handoff, commitment);
        if (older !== null && !(commitment.id in merged.known)) unknown.push({ id: commitment.id, revision: older });
      }
    }
  }
  return { day: merged, gone, arrived, unknown };
}

/** Where a promise is to be kept elsewhere than it was, which is not the promise's own change; the first of a stop. */
export function relocated(day: Day, stops: Stop[]): { stop: Stop; commitment: Commitment; was: string }[] {
  const held = new Map(day.stops.map((stop) => [stop.order_id, stop.address]));
  return stops.flatMap((stop) => {
    const [was, commitment] = [stop.order_id === null ? null : held.get(stop.order_id), stop.commitments[0]];
    return commitment && was && stop.address !== null && stop.address !== was ? [{ stop, commitment, was }] : [];
  });
}

/** The day where the log of the server is shorter than it was: whatever it says next is newer than what is held. */
export const setBack = (day: Day): Day => ({
  ...day,
  stops: day.stops.map((stop) => ({ ...stop, commitments: stop.commitments.map((one) => ({ ...one, version: 0 })) })),
  etag: null,
  position: 0,
  arrived: {},
});

/** Answers come in any order, and one may be older than what is there. */
const newer = (held: Commitment | undefined, answered: Commitment): Commitment =>
  held !== undefined && held.version > answered.version ? held : answered;

/** Whether its keeper has said something to the words that count now: then he knows them. */
const isAnswered = (handoff: Handoff): boolean =>
  handoff.asked !== "none" && (handoff.received || ["acknowledged", "held", "declined"].includes(handoff.state));

/** Whether a commitment is something for its keeper to do. */
export const isTask = (commitment: Commitment, recipients: readonly string[]): boolean =>
  !isClosed(commitment) && handoffsOf(commitment, recipients).length > 0;

/** The day once the server has answered about one commitment: what is closed, or not his any more, is no task. */
export function withAnswer(day: Day, answered: Commitment, recipients: readonly string[]): Day {
  const commitment = newer(commitmentIn(day, answered.id)?.commitment, answered);
  const stays = isTask(commitment, recipients);
  const stops = day.stops
    .map((stop) => ({
      ...stop,
      commitments: stop.commitments.flatMap((held) => (held.id !== commitment.id ? [held] : stays ? [commitment] : [])),
    }))
    .filter((stop) => stop.commitments.length > 0);
  const isKnown = handoffsOf(commitment, recipients).some(isAnswered);
  const known = isKnown ? { ...day.known, [commitment.id]: wordsOf(commitment) } : day.known;
  return { ...day, stops, known: withoutErased(known, commitment), etag: null };
}

/**
 * The day once a promise was opened: its words are known, unless others were known before, which are shown beside, or
 * are still asked for.
 */
export function withOpened(day: Day, commitment: Commitment, handoffs: readonly Handoff[]): Day {
  const opened = { ...day.opened, [commitment.id]: commitment.revision };
  const knowsOthers = commitment.id in day.known || handoffs.some((one) => receivedBefore(one, commitment) !== null);
  return { ...day, opened, known: knowsOthers ? day.known : { ...day.known, [commitment.id]: wordsOf(commitment) } };
}

/** The revision in which a keeper received what has other words now. */
const receivedBefore = ({ asked, received_revision }: Handoff, { revision }: Commitment): number | null =>
  asked !== "none" && received_revision !== null && received_revision < revision ? received_revision : null;

/** The day once somebody who is asked nothing has read what changed. */
export const withRead = (day: Day, commitment: Commitment): Day => ({
  ...day,
  known: { ...day.known, [commitment.id]: wordsOf(commitment) },
});

export const withKnown = (day: Day, id: string, words: Words): Day =>
  id in day.known ? day : { ...day, known: { ...day.known, [id]: words } };

export const commitmentIn = (day: Day, id: string): { commitment: Commitment; stop: Stop } | undefined => {
  for (const stop of day.stops) {
    const commitment = stop.commitments.find((one) => one.id === id);
    if (commitment) return { commitment, stop };
  }
  return undefined;
};

/** What is known without the words of a promise that was erased: what it said before is no more for the phone to hold. */
function withoutErased(known: Record<string, Words>, { id, promise }: Commitment): Record<string, Words> {
  const words = known[id];
  return promise !== null || words === undefined ? known : { ...known, [id]: { ...words, promise: null, items: null } };
}

const only = <T>(record: Record<string, T>, ids: ReadonlyMap<string, unknown>): Record<string, T> =>
  Object.fromEntries(Object.entries(record).filter(([id]) => ids.has(id)));
