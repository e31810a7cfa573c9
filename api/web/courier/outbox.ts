/**
 * The outbox: what was said on this phone, and not yet answered by the server. Pure: no storage, no network, no clock.
 *
 * An entry is written before the screen changes, and leaves only when the server's answer is recorded. Its key is the
 * Idempotency-Key, and from the first attempt on it is sent in the very same words: an answer that was lost cannot
 * become a second event.
 */
import type { Commitment, Problem, Said, WhyNot } from "./model";

export interface Entry {
  /** The order in which things were said. */
  seq: number;
  key: string;
  actor: string;
  commitment_id: string;
  revision: number;
  said: Said;
  /** When, by this phone's clock, in milliseconds. */
  said_at: number;
  /** Until then it can be undone, and is not sent. */
  held_until: number;
  /** For who reads what is not sent: the words, and where. */
  promise: string | null;
  order_id: string | null;
  stop: number | null;
  photo?: Blob;
  evidence?: string;
  /** What is sent, from the first attempt on. */
  body?: Record<string, unknown>;
  refused?: Problem;
}

/** One that is not in the outbox yet. */
export type Unsaid = Omit<Entry, "seq">;

export const UNDO_MS = 5_000;
export const MOST_IN_A_BATCH = 100;
/** The server takes what happened up to a day ago; a minute of it may pass on the way. */
const OLDEST_MS = 24 * 3_600_000 - 60_000;

/** Whether the phone reports by itself: nobody tapped, nobody waits for it. */
export const isQuiet = (entry: Unsaid): boolean =>
  entry.said.command === "receipts" && (entry.said.state === "delivered" || entry.said.state === "seen");

/** Whether it can still be undone: it was never sent. No clock that was set back makes that longer. */
export const canUndo = (entry: Entry, now: number): boolean =>
  entry.body === undefined && entry.held_until > now && entry.held_until - now <= UNDO_MS;

/**
 * What to send next, in the order in which it was said: receipts of one keeper together, everything else by itself.
 * What was said of a commitment waits for what was said of it before.
 *
 *     next([], 0)  // []
 */
export function next(entries: readonly Entry[], now: number): Entry[] {
  const waiting = new Set<string>();
  const batch: Entry[] = [];
  for (const entry of [...entries].sort((a, b) => a.seq - b.seq)) {
    const first = batch[0];
    if (entry.refused) continue;
    if (waiting.has(entry.commitment_id) || canUndo(entry, now)) {
      waiting.add(entry.commitment_id);
    } else if (first === undefined) {
      batch.push(entry);
      if (entry.said.command !== "receipts") break;
    } else if (entry.said.command === "receipts" && entry.actor === first.actor && batch.length < MOST_IN_A_BATCH) {
      batch.push(entry);
    } else {
      waiting.add(entry.commitment_id);
    }
  }
  return batch;
}

/**
 * What is sent of an entry. `skew` is how far the server's clock is ahead of the phone's, null where nobody knows; when
 * it happened is told by the server's clock, and left out where the server would not take it: it is a day old.
 */
export function bodyOf(entry: Entry, now: number, skew: number | null, { timed = true } = {}): Record<string, unknown> {
  const { command, ...terms } = entry.said;
  const body: Record<string, unknown> = { ...terms };
  if (command === "receipts") body["revision"] = entry.revision;
  if (command === "reopening") return body;
  if (entry.evidence !== undefined) body["evidence"] = [entry.evidence];
  if (timed && now - entry.said_at < OLDEST_MS)
    body["at"] = new Date(Math.min(entry.said_at, now) + (skew ?? 0)).toISOString();
  return body;
}

/** What the server answered to one entry. */
export interface Answer {
  status: number;
  body: unknown;
}

export type Settled =
  | { what: "recorded"; commitment: Commitment; why_not: WhyNot | null }
  | { what: "refused"; problem: Problem }
  /** The time that was named is no time that the server takes: say it again without. */
  | { what: "untimed" }
  /** Who sends is not known to the server (any more). */
  | { what: "stranger" }
  | { what: "later" };

/** What an answer means for its entry. Whatever is not plainly an answer keeps the entry where it is. */
export function settle(entry: Entry, { status, body }: Answer): Settled {
  if (status === 401) return { what: "stranger" };
  if (status === 200 || status === 201) return recorded(body) ?? { what: "later" };
  const problem = isFinal(status) ? problemOf(status, body) : null;
  if (problem === null) return { what: "later" };
  const timeless = status === 422 && entry.body?.["at"] !== undefined;
  if (timeless && (problem.errors ?? []).some((error) => error.pointer.endsWith("/at"))) return { what: "untimed" };
  return { what: "refused", problem };
}

/**
 * What stays in the outbox of an entry that was answered; null where nothing does. What must be said in other words is
 * said under another key.
 */
export function left(entry: Entry, settled: Settled, another: () => string): Entry | null {
  if (settled.what === "recorded") return null;
  // Nobody waits for what the phone reports by itself.
  if (settled.what === "refused") return isQuiet(entry) ? null : { ...entry, refused: settled.problem };
  if (settled.what !== "untimed") return entry;
  const { at: _, ...body } = entry.body ?? {};
  return { ...entry, key: another(), body };
}

/** What the server made of a photo. */
export function settlePhoto({
  status,
  body,
}: Answer): { what: "kept"; id: string } | Exclude<Settled, { what: "recorded" | "untimed" }> {
  if (status === 201 && isObject(body) && typeof body["id"] === "string") return { what: "kept", id: body["id"] };
  if (status === 401) return { what: "stranger" };
  const problem = isFinal(status) ? problemOf(status, body) : null;
  return problem === null ? { what: "later" } : { what: "refused", problem };
}

/** Whether asking again will not help. */
const isFinal = (status: number): boolean => status >= 400 && status < 500 && ![408, 425, 429].includes(status);

function recorded(body: unknown): Settled | null {
  if (!isObject(body)) return null;
  const commitment = isObject(body["commitment"]) ? body["commitment"] : body;
  if (typeof commitment["id"] !== "string" || !Array.isArray(commitment["handoffs"])) return null;
  const why_not = (body["why_not"] ?? null) as WhyNot | null;
  return { what: "recorded", commitment: commitment as unknown as Commitment, why_not };
}

/** A problem, where an answer is one: a page of some network in between is none. */
function problemOf(status: number, body: unknown): Problem | null {
  if (!isObject(body) || typeof body["code"] !== "string") return null;
  const problem: Problem = { status, code: body["code"], detail: String(body["detail"] ?? body["title"] ?? "") };
  if (Array.isArray(body["errors"])) problem.errors = body["errors"] as { pointer: string; detail: string }[];
  return problem;
}

const isObject = (value: unknown): value is Record<string, unknown> => typeof value === "object" && value !== null;
