/** Words, codes and times as a keeper reads them. */
import assert from "node:assert/strict";
import { before, test } from "node:test";
import fc from "fast-check";
import { codeIn } from "../../api/web/courier/codes";
import { chosen, langOf, speak, t, tn } from "../../api/web/courier/texts";
import { between, due, moment, span } from "../../api/web/courier/times";

const [SOFIA, SHANGHAI] = ["Europe/Sofia", "Asia/Shanghai"];
const at = (time: string): number => Date.parse(`2026-11-${time}Z`);
const NOW = at("25T10:00:00");

/** All that a language changes outside of the words. */
before(() => Object.assign(globalThis, { document: { documentElement: { lang: "" } } }));

test("a language is chosen by what somebody is known to read, the first being the best", () => {
  assert.equal(chosen(undefined, null, "zh-Hant-TW", "bg"), "zh-CN");
  assert.equal(chosen("fr", "BG-bg", "en"), "bg");
  assert.equal(chosen("fr"), "en");
  assert.equal(chosen(), "en");
});

test("the voice is chosen by the script", () => {
  assert.equal(langOf("明天下午六点前送货"), "zh-CN");
  assert.equal(langOf("Утре до 18 ч."), "bg");
  assert.equal(langOf("明日の昼までに"), "ja");
  assert.equal(langOf("By noon"), "");
});

test("a number of things is told in the forms of each language, and so is what has no translation", async () => {
  const tasks = (count: number): string => tn("%(count)s task", "%(count)s tasks", count);
  await speak("en");
  assert.deepEqual([tasks(0), tasks(1), tasks(2)], ["0 tasks", "1 task", "2 tasks"]);
  for (const locale of ["zh-CN", "bg"] as const) {
    await speak(locale);
    for (const count of [0, 1, 2, 21]) assert.ok(tasks(count).includes(String(count)));
    assert.equal(t("Words that nobody translates: %(what)s", { what: 7 }), "Words that nobody translates: 7");
  }
  await speak("en");
});

test("what is put into words stays as it is, also where it looks like a place for more", () => {
  fc.assert(
    fc.property(fc.string(), (why) => {
      assert.equal(t("Not recorded: %(why)s", { why }), `Not recorded: ${why}`);
    }),
  );
  assert.equal(t("Stop %(number)s", {}), "Stop %(number)s");
});

test("a code is the same however it is written, said or scanned", () => {
  for (const given of [
    "7kq2-m9xd",
    " 7KQ2 M9XD ",
    "https://upheld.example/courier#pair=7KQ2-M9XD",
    "HTTPS://U.EXAMPLE/P/7KQ2M9XD",
  ])
    assert.equal(codeIn(given), "7KQ2M9XD");
  fc.assert(fc.property(fc.string(), (given) => assert.equal(codeIn(codeIn(given)), codeIn(given))));
});

test("an hour of today is told by itself, of another day with the day", () => {
  assert.equal(moment(at("25T16:00:00"), SOFIA, NOW), "18:00");
  assert.match(moment(at("26T16:00:00"), SOFIA, NOW), /26.* 18:00$/);
});

test("midnight belongs to the day that it ends", () => {
  assert.equal(moment(at("25T22:00:00"), SOFIA, NOW), "24:00");
  assert.equal(moment(at("25T16:00:00"), SHANGHAI, NOW), "24:00");
  assert.match(moment(at("24T22:00:00"), SOFIA, NOW), /24.* 24:00$/);
});

test("a span is told in two units at most", () => {
  const [minute, hour] = [60_000, 3_600_000];
  const told = [0, 59_999, minute, hour, hour + 10 * minute, 24 * hour, 76 * hour + 5 * minute].map(span);
  assert.deepEqual(told, ["under a minute", "under a minute", "1 min", "1 h", "1 h 10 min", "1 d", "3 d 4 h"]);
  assert.equal(span(-hour), "1 h");
});

test("what is due is ahead, and what is overdue is past", () => {
  assert.equal(due(at("25T12:10:00"), SOFIA, NOW), "by 14:10, in 2 h 10 min");
  assert.equal(due(at("25T09:00:00"), SOFIA, NOW), "was due by 11:00, 1 h ago");
  assert.equal(due(NOW, SOFIA, NOW), "was due by 12:00, under a minute ago");
});

test("a window names its day once", () => {
  assert.equal(between(at("25T12:00:00"), at("25T14:00:00"), SOFIA, NOW), "14:00–16:00");
  assert.match(between(at("26T12:00:00"), at("26T14:00:00"), SOFIA, NOW), /^[^–]*26[^–]* 14:00–16:00$/);
  assert.equal(between(at("25T12:00:00"), null, SOFIA, NOW), "14:00");
  assert.match(between(at("25T20:00:00"), at("25T22:00:00"), SOFIA, NOW), /^22:00–24:00$/);
});
