/** Things as they are on a phone, for the tests: by hand, and by chance. */
import fc from "fast-check";
import { type Commitment, type Day, emptyDay, type Handoff, type Said, type Stop } from "../../api/web/courier/model";
import type { Entry, Settled } from "../../api/web/courier/outbox";

export const LI = "courier:li";
export const BO = "courier:bo";

export const entry = (seq: number, more: Partial<Entry> = {}): Entry => ({
  seq,
  key: `key-${seq}`,
  actor: LI,
  commitment_id: `c-${seq}`,
  revision: 1,
  said: { command: "receipts", state: "acknowledged", role: "courier" },
  said_at: 0,
  held_until: 0,
  promise: "It comes by noon",
  order_id: "SO-1",
  stop: 1,
  ...more,
});

export const handoff = (more: Partial<Handoff> = {}): Handoff => ({
  role: "courier",
  recipient: LI,
  state: "assigned",
  revision: 1,
  received: false,
  received_revision: null,
  receipt_due_at: null,
  asked: "acknowledged",
  ...more,
});

export const commitment = (id: string, more: Partial<Commitment> = {}): Commitment => ({
  id,
  version: 1,
  revision: 1,
  status: "open",
  order_id: "SO-1",
  kind: "redelivery",
  promise: `${id}, revision ${more.revision ?? 1}`,
  items: null,
  made_by: "agent:ling",
  made_at: "2026-11-24T02:00:00Z",
  due: { at: "2026-11-25T10:00:00Z", not_before: null, time_zone: "Asia/Shanghai" },
  handoffs: [handoff()],
  kept_at: null,
  reopened_as: null,
  ...more,
});

export const stopOf = (...commitments: Commitment[]): Stop => ({
  order_id: commitments[0]?.order_id ?? null,
  stop: 1,
  address: null,
  departs_at: null,
  planned_start: null,
  planned_end: null,
  commitments,
});

export const dayOf = (...commitments: Commitment[]): Day => ({
  ...emptyDay(LI),
  stops: commitments.length > 0 ? [stopOf(...commitments)] : [],
});

const STATES = ["delivered", "seen", "acknowledged", "held", "declined"] as const;

export const saids: fc.Arbitrary<Said> = fc.oneof(
  fc.record({
    command: fc.constant("receipts" as const),
    state: fc.constantFrom(...STATES),
    role: fc.constantFrom("courier", "warehouse"),
  }),
  fc.record({ command: fc.constant("fulfilment" as const) }),
  fc.record({
    command: fc.constant("attempts" as const),
    outcome: fc.constantFrom("no_access" as const, "other" as const),
  }),
  fc.record({ command: fc.constant("reopening" as const), reason: fc.constant("mistaken" as const) }),
);

/** What waits, of two keepers and few promises, so that they meet; said around the instant 100,000. */
export const outboxes: fc.Arbitrary<Entry[]> = fc
  .array(
    fc.record({
      actor: fc.constantFrom(LI, BO),
      commitment_id: fc.constantFrom("c-1", "c-2", "c-3"),
      said: saids,
      said_at: fc.integer({ min: 90_000, max: 110_000 }),
      undo: fc.constantFrom(0, 5_000),
      isSent: fc.boolean(),
      isRefused: fc.boolean(),
    }),
    { maxLength: 12 },
  )
  .chain((rows) => {
    const all = rows.map(({ undo, isSent, isRefused, ...row }, number) =>
      entry(number + 1, {
        ...row,
        held_until: row.said_at + undo,
        ...(isSent ? { body: {} } : {}),
        ...(isRefused ? { refused: { status: 422, code: "invalid", detail: "" } } : {}),
      }),
    );
    return fc.shuffledSubarray(all, { minLength: all.length, maxLength: all.length });
  });

export const handoffs: fc.Arbitrary<Handoff> = fc
  .record({
    role: fc.constantFrom("courier", "warehouse"),
    state: fc.constantFrom("assigned" as const, "sent" as const, ...STATES),
    asked: fc.constantFrom("none" as const, "acknowledged" as const, "held" as const),
    received: fc.boolean(),
    recipient: fc.constantFrom(LI, BO),
  })
  .map((some) => handoff(some));

/** A promise in some version of itself: a later version never has an older revision. */
export const commitments = (id: string): fc.Arbitrary<Commitment> =>
  fc
    .record({
      version: fc.integer({ min: 1, max: 6 }),
      status: fc.constantFrom("open" as const, "broken" as const, "kept" as const),
      handoffs: fc.array(handoffs, { minLength: 1, maxLength: 2 }),
    })
    .map(({ version, ...more }) => commitment(id, { version, revision: Math.ceil(version / 2), ...more }));

export const settleds: fc.Arbitrary<Settled> = fc.constantFrom<Settled>(
  { what: "recorded", commitment: commitment("c-1"), why_not: null },
  { what: "refused", problem: { status: 422, code: "invalid", detail: "" } },
  { what: "untimed" },
  { what: "stranger" },
  { what: "later" },
);
