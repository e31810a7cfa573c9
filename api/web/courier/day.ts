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
export function merge(day: Day, stops: Stop[], etag: string | null, at: number, recipients: readonly string[]): Merged {
  const now = new Map(
    stops.flatMap((stop) => stop.commitments.map((commitment) => [commitment.id, commitment] as const)),
  );
  const gone = day.stops.flatMap((stop) =>
    stop.commitments.filter((commitment) => !now.has(commitment.id)).map((commitment) => ({ commitment, stop })),
  );
  const held = new Map(
    day.stops.flatMap((stop) => stop.commitments.map((commitment) => [commitment.id, commitment] as const)),
  );
  const newest = stops.map((stop) => ({
    ...stop,
    commitments: stop.commitments.map((commitment) => newer(held.get(commitment.id), commitment)),
  }));
  const merged: Day = {
    ...day,
    stops: newest,
    etag,
    fetched_at: at,
    known: only(day.known, now),
    opened: only(day.opened, now),
    arrived: {},
  };
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
        const older = handoff.received_revision;
        if (older !== null && older < commitment.revision && !(commitment.id in merged.known)) {
          unknown.push({ id: commitment.id, revision: older });
        }
      }
    }
  }
  return { day: merged, gone, arrived, unknown };
}

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
  return { ...day, stops, known, etag: null };
}

/** The day once a promise was opened: its words are known, unless others were known before, which are shown beside. */
export function withOpened(day: Day, commitment: Commitment): Day {
  const opened = { ...day.opened, [commitment.id]: commitment.revision };
  const known = commitment.id in day.known ? day.known : { ...day.known, [commitment.id]: wordsOf(commitment) };
  return { ...day, opened, known };
}

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

const only = <T>(record: Record<string, T>, ids: ReadonlyMap<string, unknown>): Record<string, T> =>
  Object.fromEntries(Object.entries(record).filter(([id]) => ids.has(id)));
