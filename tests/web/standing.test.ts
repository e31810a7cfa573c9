/** How a keeper stands to a promise: nothing that waits on the phone is ever shown as done. */
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import {
  askedOf,
  changedFrom,
  isNew,
  needsKeeper,
  nextStep,
  saidOf,
  standing,
  tasksOf,
} from "../../api/web/courier/standing";
import { BO, commitment, commitments, dayOf, entry, handoff, handoffs, LI, outboxes } from "./made";

const REFUSED = { status: 403, code: "forbidden", detail: "" };

test("confirmed is only what the server has confirmed, whatever waits on the phone", () => {
  fc.assert(
    fc.property(handoffs, outboxes, (asked, entries) => {
      const shown = standing(asked, entries, 100_000);
      if (shown === "received" || shown === "held") {
        assert.equal(asked.received, true);
        assert.equal(shown === "held", asked.asked === "held");
        assert.equal(saidOf(asked, entries), undefined);
      }
    }),
  );
});

test("what was said here is shown as saved, as long as the server has not answered", () => {
  fc.assert(
    fc.property(handoffs, outboxes, (asked, entries) => {
      const said = saidOf(asked, entries);
      const shown = standing(asked, entries, 100_000);
      assert.equal(said !== undefined, ["undo", "saved", "refused"].includes(shown));
    }),
  );
});

test("that it has arrived or was seen is no answer", () => {
  const seen = entry(1, { said: { command: "receipts", state: "seen", role: "courier" } });
  assert.equal(standing(handoff(), [seen], 10), "not_confirmed");
});

test("what was said in one role says nothing of another; that it is kept says it of all", () => {
  const other = entry(1, { said: { command: "receipts", state: "held", role: "warehouse" } });
  assert.equal(standing(handoff(), [other], 10), "not_confirmed");
  assert.equal(standing(handoff(), [entry(2, { said: { command: "fulfilment" } })], 10), "saved");
});

test("who knows of a thing does not have it yet", () => {
  assert.equal(standing(handoff({ asked: "held", state: "acknowledged" }), [], 0), "known_not_held");
  assert.equal(standing(handoff({ asked: "held", state: "held", received: true }), [], 0), "held");
  assert.equal(standing(handoff({ state: "declined", received: true }), [], 0), "declined");
  assert.equal(standing(handoff({ asked: "none" }), [], 0), "nothing_asked");
});

test("a keeper is needed where an answer lacks or was not taken, and not where it waits to be sent", () => {
  const said = (...entries: Parameters<typeof entry>[1][]) =>
    tasksOf(
      dayOf(commitment("c-1")),
      [LI],
      entries.map((more, seq) => entry(seq, { commitment_id: "c-1", ...more })),
      10,
    );
  const isNeeded = (tasks: ReturnType<typeof said>) => tasks.map((task) => needsKeeper(task, 10));
  assert.deepEqual(isNeeded(said()), [true]);
  assert.deepEqual(isNeeded(said({})), [false]);
  assert.deepEqual(isNeeded(said({ refused: REFUSED })), [true]);
  assert.deepEqual(isNeeded(said({ actor: BO })), [true], "what another keeper said on this phone is his");
});

test("at a stop those come first that need the keeper; every promise of his is there, once", () => {
  fc.assert(
    fc.property(commitments("c-1"), commitments("c-2"), commitments("c-3"), outboxes, (a, b, c, entries) => {
      const tasks = tasksOf(dayOf(a, b, c), [LI], entries, 100_000);
      const mine = [a, b, c].filter((one) => one.handoffs.some(({ recipient }) => recipient === LI));
      assert.deepEqual(tasks.map(({ commitment: { id } }) => id).sort(), mine.map(({ id }) => id).sort());
      const needing = tasks.map((task) => needsKeeper(task, 100_000));
      assert.deepEqual(
        needing,
        [...needing].sort((one, other) => Number(other) - Number(one)),
      );
      for (const task of tasks) assert.ok(task.handoffs.includes(askedOf(task, 100_000)));
    }),
  );
});

test("of what was said the latest counts", () => {
  const entries = [
    entry(1, { commitment_id: "c-1" }),
    entry(2, {
      commitment_id: "c-1",
      said: { command: "receipts", state: "declined", role: "courier", reason: "Full" },
    }),
  ];
  const [task] = tasksOf(dayOf(commitment("c-1")), [LI], entries, 10);
  assert.equal(task?.entries[0]?.seq, 2);
});

test("a promise is new until it is opened, and changed where other words are known", () => {
  const day = dayOf(commitment("c-1", { revision: 2 }));
  const [task] = tasksOf(day, [LI], [], 0);
  assert.ok(task && isNew(task, day));
  assert.ok(!isNew(task, { ...day, opened: { "c-1": 2 } }));
  const words = { revision: 1, promise: "By noon", items: null, due_at: "" };
  assert.equal(changedFrom(task.commitment, { ...day, known: { "c-1": words } }), words);
  assert.equal(changedFrom(task.commitment, { ...day, known: { "c-1": { ...words, revision: 2 } } }), null);
});

test("a receipt that is not sent yet holds up nobody; what can be undone waits for its keeper", () => {
  const declined = { command: "receipts", state: "declined", role: "courier", reason: "Full" } as const;
  const step = (...said: Parameters<typeof entry>[1][]) =>
    nextStep(
      handoff(),
      said.map((more) => entry(1, more)),
      10,
    );
  assert.equal(step(), "receipt");
  assert.equal(step({ held_until: 20 }), "undo");
  assert.equal(step({}), "outcome");
  assert.equal(step({ said: declined }), "receipt");
  assert.equal(step({ refused: REFUSED }), "receipt");
  assert.equal(step({ said: { command: "attempts", outcome: "other" } }), "outcome");
  assert.equal(step({ said: { command: "fulfilment" } }), "wait");
});
