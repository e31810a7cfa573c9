/** What waits in the outbox: in which order it is sent, in which words, and when it leaves. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { type Entry, next } from "../../api/web/courier/outbox";

const entry = (seq: number, more: Partial<Entry> = {}): Entry => ({
  seq,
  key: `key-${seq}`,
  actor: "courier:li",
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

test("receipts go together, in the order in which they were said", () => {
  assert.deepEqual(
    next([entry(2), entry(1)], 10).map(({ seq }) => seq),
    [1, 2],
  );
});
