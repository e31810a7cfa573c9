/** What a phone holds of a day: it goes forward only, and forgets no words before the new ones are answered. */
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import {
  commitmentIn,
  isTask,
  merge,
  relocated,
  setBack,
  withAnswer,
  withKnown,
  withOpened,
  withRead,
} from "../../api/web/courier/day";
import { type Commitment, type Day, isClosed, type Stop, wordsOf } from "../../api/web/courier/model";
import { BO, commitment, commitments, dayOf, handoff, LI, stopOf } from "./made";

const versionIn = (day: Day, id: string): number | undefined => commitmentIn(day, id)?.commitment.version;
const answeredBy = (one: Commitment): boolean =>
  one.handoffs.some(
    ({ recipient, asked, received, state }) =>
      recipient === LI && asked !== "none" && (received || ["acknowledged", "held", "declined"].includes(state)),
  );

test("an answer that is older than what is there changes nothing of it", () => {
  fc.assert(
    fc.property(commitments("c-1"), commitments("c-1"), (held, answered) => {
      const open = { ...held, status: "open" as const, handoffs: [...held.handoffs, handoff({ role: "finance" })] };
      const day = withAnswer(dayOf(open), answered, [LI]);
      if (answered.version < open.version) assert.deepEqual(commitmentIn(day, "c-1")?.commitment, open);
      else if (commitmentIn(day, "c-1")) assert.deepEqual(commitmentIn(day, "c-1")?.commitment, answered);
      else assert.ok(isClosed(answered) || answered.handoffs.every(({ recipient }) => recipient !== LI));
    }),
  );
});

test("tasks that were read before something was answered do not undo the answer", () => {
  fc.assert(
    fc.property(commitments("c-1"), commitments("c-1"), (held, read) => {
      const { day } = merge(dayOf(held), [stopOf(read)], '"2"', 5, [LI]);
      const newest = held.version > read.version ? held : read;
      assert.equal(versionIn(day, "c-1"), isTask(newest, [LI]) ? newest.version : undefined);
    }),
  );
});

test("known words stay until the new ones are answered", () => {
  fc.assert(
    fc.property(commitments("c-1"), commitments("c-1"), fc.boolean(), (known, now, isRead) => {
      const before = { ...dayOf(known), known: { "c-1": wordsOf(known) } };
      const day = isRead ? merge(before, [stopOf(now)], null, 5, [LI]).day : withAnswer(before, now, [LI]);
      const newest = now.version >= known.version ? now : known;
      fc.pre(isTask(newest, [LI]) || !isRead); // what has left the list is forgotten
      assert.deepEqual(day.known["c-1"], answeredBy(newest) ? wordsOf(newest) : wordsOf(known));
    }),
  );
});

test("of a promise that was erased no earlier words stay on the phone", () => {
  const known = wordsOf(commitment("c-1", { items: [{ sku: "HDMI-2M", quantity: 1 }] }));
  const now = commitment("c-1", { revision: 2, version: 5, promise: null });
  const before: Day = { ...dayOf(commitment("c-1", { revision: 2, version: 4 })), known: { "c-1": known } };
  for (const day of [merge(before, [stopOf(now)], null, 5, [LI]).day, withAnswer(before, now, [LI])]) {
    assert.deepEqual(day.known["c-1"], { ...known, promise: null, items: null });
    assert.equal(commitmentIn(day, "c-1")?.commitment.promise, null);
  }
});

test("to open a promise makes its words known where none were", () => {
  const [first, second] = [commitment("c-1"), commitment("c-1", { version: 2, revision: 2 })];
  const day = withOpened(dayOf(first), first, first.handoffs);
  assert.deepEqual(day.known["c-1"], wordsOf(first));
  const later = withOpened(merge(day, [stopOf(second)], null, 5, [LI]).day, second, second.handoffs);
  assert.deepEqual(later.known["c-1"], wordsOf(first), "what it was is shown beside what it is");
  assert.equal(later.opened["c-1"], 2);
  assert.deepEqual(withRead(later, second).known["c-1"], wordsOf(second));
  assert.equal(withKnown(later, "c-1", wordsOf(second)), later);
});

test("what was received elsewhere in other words stays changed, also where it is opened before those are known", () => {
  const received = handoff({ revision: 2, received_revision: 1 });
  const now = commitment("c-1", { version: 3, revision: 2, handoffs: [received] });
  const { day, unknown } = merge(dayOf(), [stopOf(now)], null, 5, [LI]);
  assert.deepEqual(unknown, [{ id: "c-1", revision: 1 }]);
  const opened = withOpened(day, now, now.handoffs);
  const older = { ...wordsOf(now), revision: 1, promise: "It comes by noon" };
  assert.deepEqual(withKnown(opened, "c-1", older).known["c-1"], older);
});

test("what is no task any more is told once, and forgotten", () => {
  const gone = commitment("c-2");
  const before = { ...dayOf(commitment("c-1"), gone), known: { "c-2": wordsOf(gone) }, opened: { "c-2": 1 } };
  const merged = merge(before, [stopOf(commitment("c-1"))], null, 5, [LI]);
  assert.deepEqual(
    merged.gone.map((one) => one.commitment.id),
    ["c-2"],
  );
  assert.deepEqual([merged.day.known, merged.day.opened], [{}, {}]);
  assert.deepEqual(merge(merged.day, [stopOf(commitment("c-1"))], null, 6, [LI]).gone, []);
});

test("what went to somebody else while the list was made is gone as it was his", () => {
  const [before, now] = [commitment("c-1"), commitment("c-1", { version: 2, handoffs: [handoff({ recipient: BO })] })];
  const merged = merge(dayOf(before), [stopOf(now)], null, 5, [LI]);
  assert.deepEqual(
    merged.gone.map((one) => one.commitment),
    [before],
  );
  assert.deepEqual(merged.day.stops, []);
});

test("where the log was set back, what is read next is taken as it is, and arrives anew", () => {
  fc.assert(
    fc.property(commitments("c-1"), commitments("c-1"), (held, read) => {
      const day = setBack({ ...dayOf(held), position: 90, etag: '"9"', arrived: { "c-1 courier": held.revision } });
      assert.deepEqual([day.position, day.etag], [0, null]);
      const { day: after } = merge(day, [stopOf(read)], null, 5, [LI]);
      assert.equal(versionIn(after, "c-1"), isTask(read, [LI]) ? read.version : undefined);
    }),
  );
});

test("that a stop has another address is told once, and not that it has one at all", () => {
  const [one, other] = [commitment("c-1"), commitment("c-2")];
  const at = (address: string | null): Stop[] => [{ ...stopOf(one, other), address }];
  const day = merge(dayOf(), at("1 Willow Lane"), null, 5, [LI]).day;
  assert.deepEqual(
    relocated(day, at("2 Elm Road")).map(({ commitment, was }) => [commitment.id, was]),
    [["c-1", "1 Willow Lane"]],
  );
  assert.deepEqual(relocated(merge(day, at("2 Elm Road"), null, 6, [LI]).day, at("2 Elm Road")), []);
  assert.deepEqual([relocated(day, at(null)), relocated(dayOf(), at("1 Willow Lane"))], [[], []]);
});

test("that a promise has arrived is said once for each revision, and only where it is asked of this keeper", () => {
  const asked = [stopOf(commitment("c-1"), commitment("c-2", { handoffs: [handoff({ asked: "none" })] }))];
  const first = merge(dayOf(), asked, null, 5, [LI]);
  assert.deepEqual(
    first.arrived.map((one) => one.commitment.id),
    ["c-1"],
  );
  assert.deepEqual(merge(first.day, asked, null, 6, [LI]).arrived, []);
  const amended = [stopOf(commitment("c-1", { version: 3, revision: 2, handoffs: [handoff({ revision: 2 })] }))];
  assert.equal(merge(first.day, amended, null, 7, [LI]).arrived.length, 1);
  assert.deepEqual(merge(dayOf(), asked, null, 5, [BO]).arrived, []);
});

test("words that were confirmed on another phone are asked for", () => {
  const amended = commitment("c-1", { revision: 3, handoffs: [handoff({ received_revision: 2, revision: 3 })] });
  assert.deepEqual(merge(dayOf(), [stopOf(amended)], null, 5, [LI]).unknown, [{ id: "c-1", revision: 2 }]);
});

test("what is answered as closed, or as somebody else's, leaves the list", () => {
  const day = dayOf(commitment("c-1"), commitment("c-2"));
  const kept = withAnswer(day, commitment("c-1", { version: 2, status: "kept" }), [LI]);
  assert.deepEqual([versionIn(kept, "c-1"), versionIn(kept, "c-2")], [undefined, 1]);
  const moved = withAnswer(kept, commitment("c-2", { version: 2, handoffs: [handoff({ recipient: BO })] }), [LI]);
  assert.deepEqual(moved.stops, []);
});

test("after an answer the tasks are asked for anew", () => {
  assert.equal(withAnswer({ ...dayOf(), etag: '"1"' }, commitment("c-1"), [LI]).etag, null);
});
