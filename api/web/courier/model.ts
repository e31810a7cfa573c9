/** What the server says, and what this phone keeps of it (docs/keeper-clients.md). Instants of the server are ISO texts. */

export type Asked = "none" | "acknowledged" | "held";
export type ReceiptState = "delivered" | "seen" | "acknowledged" | "held" | "declined";
export type HandoffState = "unassigned" | "assigned" | "sent" | ReceiptState;
export type Outcome = "customer_absent" | "no_access" | "wrong_address" | "customer_refused" | "damaged" | "other";

export interface Handoff {
  role: string;
  recipient: string | null;
  state: HandoffState;
  revision: number;
  received: boolean;
  received_revision: number | null;
  receipt_due_at: string | null;
  asked: Asked;
}

export interface Item {
  sku: string;
  quantity: number;
}

export interface Commitment {
  id: string;
  version: number;
  revision: number;
  status: "open" | "kept" | "broken" | "withdrawn";
  order_id: string | null;
  kind: string;
  promise: string | null;
  items: Item[] | null;
  made_by: string;
  made_at: string;
  due: { at: string; not_before: string | null; time_zone: string };
  handoffs: Handoff[];
  /** Why it was opened again, as long as it is. */
  reopened_as: "disputed" | "mistaken" | null;
  kept_at: string | null;
}

export interface Stop {
  order_id: string | null;
  stop: number | null;
  address: string | null;
  departs_at: string | null;
  planned_start: string | null;
  planned_end: string | null;
  commitments: Commitment[];
}

/** What was promised, in one revision of the promise. */
export interface Words {
  revision: number;
  promise: string | null;
  items: Item[] | null;
  due_at: string;
}

/** Who uses this phone, as the server knows him. `recipients` are he and the teams that he is in. */
export interface Me {
  actor: string;
  name: string | null;
  locale: string | null;
  time_zone: string;
  photos: boolean;
  /** Whether the office has said anything of him. */
  known: boolean;
  recipients: string[];
}

/** What this phone holds of a keeper's day. It is what is shown, with a network or without. */
export interface Day {
  actor: string;
  stops: Stop[];
  /** Whether the server has more of it than it could show. */
  incomplete: boolean;
  /** Which answer of the server this is, to ask whether there is a newer one. */
  etag: string | null;
  /** When the server was last heard, by its clock. */
  fetched_at: number | null;
  /** Where the log stood at the last answer: what is read after it must not be older. */
  position: number;
  /** The words that the keeper knows of each commitment: that he opened, or confirmed. */
  known: Record<string, Words>;
  /** The revision of each hand-off, by commitment and role, of which was said that it has arrived. */
  arrived: Record<string, number>;
  /** The revision of each commitment that was opened on this phone. */
  opened: Record<string, number>;
}

/** The problem with which the server refused something (RFC 9457). */
export interface Problem {
  status: number;
  code: string;
  detail: string;
  errors?: { pointer: string; detail: string }[];
}

/** What a keeper says of a promise. */
export type Said =
  | { command: "receipts"; state: ReceiptState; role: string; reason?: string; via?: "tap" | "scan" | "batch" }
  | { command: "fulfilment"; note?: string }
  | { command: "attempts"; outcome: Outcome; note?: string }
  | { command: "reopening"; reason: "mistaken" };

export type WhyNot = "older_revision" | "no_longer_recipient" | "commitment_closed";

/** Something of which the keeper is told until he has read it. */
export interface Notice {
  id?: number;
  actor: string;
  why: WhyNot | "moved" | "withdrawn" | "kept" | "gone" | "elsewhere";
  commitment_id: string;
  promise: string | null;
  stop: number | null;
  order_id: string | null;
  /** To whom it went, where it `moved`. */
  recipient?: string;
  /** Which address it had, and which it has, where it is `elsewhere`. */
  was?: string;
  is?: string;
}

/** What was said of a promise on this phone, and recorded: a receipt, that it is kept or tried, that it was a wrong tap. */
export interface Done {
  id?: number;
  actor: string;
  commitment_id: string;
  said: Said;
  at: number;
  promise: string | null;
  order_id: string | null;
  /** Why it does not count, where it does not. */
  why_not: WhyNot | null;
}

export function wordsOf(commitment: Commitment): Words {
  const { revision, promise, items } = commitment;
  return { revision, promise, items, due_at: commitment.due.at };
}

export const isClosed = (commitment: Commitment): boolean =>
  commitment.status === "kept" || commitment.status === "withdrawn";

export function emptyDay(actor: string): Day {
  return {
    actor,
    stops: [],
    incomplete: false,
    etag: null,
    fetched_at: null,
    position: 0,
    known: {},
    arrived: {},
    opened: {},
  };
}
