/** What waits in the outbox: in which order it is sent, in which words, and when it leaves. */
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import {
  bodyOf,
  canUndo,
  type Entry,
  isQuiet,
  left,
  MOST_IN_A_BATCH,
  next,
  settle,
  settlePhoto,
  UNDO_MS,
} from "../../api/web/courier/outbox";
import { BO, commitment, entry, outboxes, settleds } from "./made";

const DAY_MS = 24 * 3_600_000;
const SENT = { at: "2026-11-25T02:00:00Z", revision: 1, state: "acknowledged" };
const PROBLEM = {
  type: "urn:upheld:problem:invalid",
  title: "The request is not valid",
  code: "invalid",
  detail: "no",
};

const seqs = (entries: readonly Entry[]): number[] => entries.map(({ seq }) => seq);
const instants = fc.integer({ min: 85_000, max: 120_000 });

test("receipts go together, in the order in which they were said", () => {
  assert.deepEqual(seqs(next([entry(2), entry(1)], 10)), [1, 2]);
});

test("what is not a receipt goes by itself", () => {
  const kept = entry(1, { said: { command: "fulfilment" } });
  assert.deepEqual(seqs(next([kept, entry(2)], 10)), [1]);
  assert.deepEqual(seqs(next([entry(0), kept, entry(2)], 10)), [0, 2]);
});

test("no more go together than the server takes well", () => {
  const many = Array.from({ length: MOST_IN_A_BATCH + 7 }, (_, number) => entry(number));
  assert.equal(next(many, 10).length, MOST_IN_A_BATCH);
});

test("nothing is sent that can still be undone, or that was refused", () => {
  fc.assert(
    fc.property(outboxes, instants, (entries, now) => {
      assert.ok(next(entries, now).every((one) => !canUndo(one, now) && !one.refused));
    }),
  );
});

test("of a promise nothing overtakes what was said before", () => {
  fc.assert(
    fc.property(outboxes, instants, (entries, now) => {
      const sent = next(entries, now);
      assert.deepEqual(
        seqs(sent),
        seqs(sent).sort((a, b) => a - b),
      );
      for (const one of sent) {
        const before = entries.filter(
          (other) => !other.refused && other.commitment_id === one.commitment_id && other.seq < one.seq,
        );
        assert.ok(before.every((other) => sent.includes(other)));
      }
    }),
  );
});

test("what goes together is of one keeper and one command", () => {
  fc.assert(
    fc.property(outboxes, instants, (entries, now) => {
      const sent = next(entries, now);
      assert.ok(new Set(sent.map(({ actor }) => actor)).size <= 1);
      assert.ok(sent.length <= 1 || sent.every(({ said }) => said.command === "receipts"));
    }),
  );
});

test("everything is sent in the end, once, but for what was refused", () => {
  fc.assert(
    fc.property(outboxes, (entries) => {
      let left = entries;
      const sent: number[] = [];
      for (let batch = next(left, 200_000); batch.length > 0; batch = next(left, 200_000)) {
        sent.push(...seqs(batch));
        left = left.filter((one) => !batch.includes(one));
      }
      assert.ok(left.every((one) => one.refused));
      assert.equal(new Set(sent).size, sent.length);
    }),
  );
});

test("a clock that is set back holds nothing longer than it can be undone", () => {
  const said = entry(1, { said_at: DAY_MS, held_until: DAY_MS + UNDO_MS });
  assert.deepEqual(seqs(next([said], 0)), [1]);
  assert.deepEqual(seqs(next([said], DAY_MS + 1)), []);
});

test("what was sent once cannot be undone", () => {
  assert.equal(canUndo(entry(1, { held_until: 100 }), 50), true);
  assert.equal(canUndo(entry(1, { held_until: 100, body: {} }), 50), false);
});

test("a time that is named is never in the future, and never older than the server takes", () => {
  const clocks = fc.integer({ min: 0, max: 20 * DAY_MS });
  const skews = fc.option(fc.integer({ min: -2 * DAY_MS, max: 2 * DAY_MS }));
  fc.assert(
    fc.property(clocks, clocks, skews, (said_at, elsewhere, skew) => {
      for (const now of [elsewhere, said_at + DAY_MS, said_at + DAY_MS - 60_000, said_at + 5_000]) {
        const { at } = bodyOf(entry(1, { said_at }), now, skew);
        const there = now + (skew ?? 0);
        if (at === undefined) assert.ok(now - said_at >= DAY_MS - 60_000);
        else assert.ok(Date.parse(String(at)) <= there && there - Date.parse(String(at)) < DAY_MS);
      }
    }),
  );
});

test("what is said of a revision names it, with the reason and the way in which it was said", () => {
  const said = {
    command: "receipts",
    state: "declined",
    role: "courier",
    reason: "The van is full",
    via: "tap",
  } as const;
  assert.deepEqual(bodyOf(entry(1, { said, revision: 3, said_at: 0 }), 1000, 500), {
    state: "declined",
    role: "courier",
    reason: "The van is full",
    via: "tap",
    revision: 3,
    at: "1970-01-01T00:00:00.500Z",
  });
});

test("a photo is named where the server has it; taking back names no time", () => {
  const kept = entry(1, { said: { command: "fulfilment", note: "At the door" }, evidence: "e-1" });
  assert.deepEqual(bodyOf(kept, 0, 0, { timed: false }), { note: "At the door", evidence: ["e-1"] });
  assert.deepEqual(bodyOf(entry(1, { said: { command: "reopening", reason: "mistaken" } }), 0, 0), {
    reason: "mistaken",
  });
});

test("what is recorded is known by the commitment, and why it does not count", () => {
  const [now, sent] = [commitment("c-1"), entry(1, { body: SENT })];
  assert.deepEqual(settle(sent, { status: 201, body: now }), { what: "recorded", commitment: now, why_not: null });
  const answer = { recorded: true, counts: false, why_not: "older_revision", commitment: now };
  assert.deepEqual(settle(sent, { status: 200, body: answer }), {
    what: "recorded",
    commitment: now,
    why_not: "older_revision",
  });
});

test("a problem of the server refuses; one about the time has it said again without", () => {
  const sent = entry(1, { body: SENT });
  assert.deepEqual(settle(sent, { status: 403, body: PROBLEM }), {
    what: "refused",
    problem: { status: 403, code: "invalid", detail: "no" },
  });
  const about = (pointer: string) => ({ ...PROBLEM, errors: [{ pointer, detail: "lies in the future" }] });
  assert.equal(settle(sent, { status: 422, body: about("/at") }).what, "untimed");
  assert.equal(settle(sent, { status: 422, body: about("/revision") }).what, "refused");
  assert.equal(settle(entry(1, { body: {} }), { status: 422, body: about("/at") }).what, "refused");
  assert.equal(settle(sent, { status: 401, body: null }).what, "stranger");
});

test("a page of some network, an overloaded server and half an answer keep the entry", () => {
  const html = "<!doctype html><title>Welcome to the hotel</title>";
  const statuses = fc.oneof(
    fc.constantFrom(0, 200, 201, 204, 301, 302, 304, 400, 403, 404, 408, 409, 422, 425, 429, 500, 502, 503),
    fc.integer({ min: 0, max: 599 }),
  );
  const bodies = fc.oneof(
    fc.constantFrom(
      null,
      undefined,
      html,
      "",
      {},
      [],
      { ok: true },
      { commitment: null },
      { commitment: { id: "c-1" } },
    ),
    fc.jsonValue(),
  );
  fc.assert(
    fc.property(statuses, bodies, (status, body) => {
      const { what } = settle(entry(1, { body: SENT }), { status, body });
      assert.equal(what, status === 401 ? "stranger" : "later");
    }),
  );
});

test("only a readable answer or a problem takes anything out of the outbox", () => {
  const bodies = fc.oneof(fc.constant(PROBLEM), fc.constant(commitment("c-1")), fc.constant(null));
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 599 }), bodies, (status, body) => {
      const { what } = settle(entry(1, { body: SENT }), { status, body });
      const isHere = (status === 200 || status === 201) && body !== null && "handoffs" in body;
      assert.equal(what === "recorded", isHere);
      if (what === "refused") assert.ok(status >= 400 && status < 500 && ![401, 408, 425, 429].includes(status));
      if (what === "refused") assert.equal(body, PROBLEM);
    }),
  );
});

test("an entry leaves when it is recorded, and stays as it was when nobody can say", () => {
  fc.assert(
    fc.property(settleds, (settled) => {
      const sent = entry(1, { body: SENT });
      const stays = left(sent, settled, () => "another");
      if (settled.what === "recorded") assert.equal(stays, null);
      else if (settled.what === "later" || settled.what === "stranger") assert.equal(stays, sent);
      else assert.equal(stays?.seq, 1);
    }),
  );
});

test("what is said again without the time is said under another key", () => {
  const again = left(entry(1, { body: SENT }), { what: "untimed" }, () => "another");
  assert.deepEqual([again?.key, again?.body], ["another", { revision: 1, state: "acknowledged" }]);
});

test("what the phone reports by itself bothers nobody when it is refused", () => {
  const seen = entry(1, { said: { command: "receipts", state: "seen", role: "courier" } });
  const settled = { what: "refused", problem: { status: 403, code: "forbidden", detail: "" } } as const;
  assert.equal(isQuiet(seen), true);
  assert.equal(
    left(seen, settled, () => ""),
    null,
  );
  assert.deepEqual(left(entry(1, { actor: BO }), settled, () => "")?.refused, settled.problem);
});

test("a photo is with the server only when its name came back", () => {
  assert.deepEqual(settlePhoto({ status: 201, body: { id: "e-1" } }), { what: "kept", id: "e-1" });
  assert.equal(settlePhoto({ status: 200, body: "<html>" }).what, "later");
  assert.equal(settlePhoto({ status: 201, body: null }).what, "later");
  assert.equal(settlePhoto({ status: 401, body: null }).what, "stranger");
  assert.equal(settlePhoto({ status: 503, body: PROBLEM }).what, "later");
  assert.equal(settlePhoto({ status: 413, body: PROBLEM }).what, "refused");
});
