/** The day: the stops in planned order, with what was promised at each; what needs this person is marked, and counted. */
import { computed, signal } from "@preact/signals";
import { html } from "htm/preact";
import { useEffect } from "preact/hooks";
import { dismissNotice } from "../actions";
import type { Notice, Stop } from "../model";
import { canPush, notNow, subscribe } from "../push";
import { needsKeeper, type Task } from "../standing";
import * as state from "../state";
import { langOf, t, tn } from "../texts";
import { between, moment } from "../times";
import { actorWords, dueWords, icon, marksOf, promised, stopWords, type View } from "./parts";
import { strip } from "./strip";

/** Of how many stops there is room on the screen at first; the others follow, some in each frame, and then stay. */
const AT_ONCE = 6;
const most = signal(AT_ONCE);

export function Today(): View {
  const stops = stopsShown.value;
  const isWhole = most.value >= stops.length;
  useEffect(() => {
    if (isWhole) return undefined;
    const more = setTimeout(() => {
      most.value += AT_ONCE;
    });
    return () => clearTimeout(more);
  }, [isWhole, most.value]);
  return html`
    <header class="top">
      <h1 tabindex="-1">${t("Today")}</h1>
      <p class="who">${state.me.value?.name ?? state.me.value?.actor}</p>
      <a class="square" href="#done" aria-label=${t("What you have done")}>${icon("list")}</a>
      <a class="square" href="#more" aria-label=${t("More")}>${icon("more")}</a>
    </header>
    <main>
      ${strip()} ${state.notices.value.map(noticeShown)} ${first()}
      ${stops.length > 0 ? html`<ol class="stops">${stops.slice(0, most.value).map((of) => html`<${StopShown} key=${of.stop.order_id ?? of.tasks[0]?.commitment.id} of=${of} />`)}</ol>` : nothing()}
      ${offer()}
    </main>
  `;
}

interface AtStop {
  stop: Stop;
  tasks: Task[];
}

/** The tasks by stop: they come in planned order. */
const stopsShown = computed<AtStop[]>(() => {
  const stops = new Map<Stop, Task[]>();
  for (const task of state.tasks.value) stops.set(task.stop, [...(stops.get(task.stop) ?? []), task]);
  return [...stops].map(([stop, tasks]) => ({ stop, tasks }));
});

function nothing(): View {
  if (!state.isRead.value || state.day.value.fetched_at === null)
    return html`<p class="quiet">${t("Your tasks have not come yet.")}</p>`;
  const { actor = "", known = true } = state.me.value ?? {};
  return html`<p>${t("There is nothing for you to do.")}</p>
    ${!known && html`<p class="quiet">${t("The office has told nothing of %(actor)s. Is that how your name is written?", { actor })}</p>`}`;
}

/** What needs him first, in one place, however long the list is. */
function first(): View | null {
  const [needing, things] = [
    state.needing.value,
    state.things.value.filter((task) => needsKeeper(task, state.here.value)),
  ];
  const [next] = needing;
  if (next === undefined) return null;
  return html`<p class="first">
    <a class="button main" href="#c-${next.commitment.id}"
      >${icon("waiting")}<span>${tn("%(count)s promise needs your answer", "%(count)s promises need your answer", needing.length)}</span></a
    >
    ${things.length > 0 && html`<a class="button" href="#loading">${icon("van")}<span>${t("Loading list")}</span></a>`}
  </p>`;
}

/** Asked once he has confirmed something and that has arrived, when he knows what he would be told about. */
function offer(): View | null {
  const isConfirmed = state.tasks.value.some((task) =>
    task.handoffs.some((one) => one.asked !== "none" && one.received),
  );
  if (
    !isConfirmed ||
    state.remembered.value.push_asked !== undefined ||
    !canPush() ||
    Notification.permission !== "default"
  )
    return null;
  return html`<section class="notice">
    <p class="mark">${icon("bell")}<span>${t("Shall this phone tell you when a promise is new or changes?")}</span></p>
    <p class="both">
      <button type="button" onClick=${notNow}>${t("Not now")}</button>
      <button type="button" class="main" onClick=${subscribe}>${t("Tell me")}</button>
    </p>
  </section>`;
}

function StopShown({ of: { stop, tasks } }: { of: AtStop }): View {
  const isOrdinary = tasks.every((task) => task.handoffs.every((handoff) => handoff.asked === "none"));
  return html`<li class=${isOrdinary ? "stop ordinary" : "stop"}>
    <h2>${stopWords(stop.stop, stop.order_id)} <span class="when">${planned(stop)}</span></h2>
    ${stop.address !== null && html`<p class="address" lang=${langOf(stop.address)} dir="auto">${stop.address}</p>`}
    <ul>${tasks.map(row)}</ul>
  </li>`;
}

export function planned(stop: Stop): string {
  const [zone, now] = [state.zone.value, state.now.value];
  const [start, end] = [stop.planned_start, stop.planned_end];
  if (start !== null) return between(Date.parse(start), end === null ? null : Date.parse(end), zone, now);
  return stop.departs_at === null
    ? ""
    : t("Departure %(time)s", { time: moment(Date.parse(stop.departs_at), zone, now) });
}

const row = (task: Task): View => html`<li key=${task.commitment.id}>
  <a class="row" href="#c-${task.commitment.id}">
    ${promised(task.commitment.promise, "span")}
    <span class="quiet">${dueWords(task.commitment.due.at)}</span>
    <span class="marks">${marksOf(task)}</span>
  </a>
</li>`;

function noticeShown(notice: Notice): View {
  return html`<section class="notice alarm" key=${`n-${notice.id}`}>
    <p class="mark">${icon("changed")}<span>${why(notice)}</span></p>
    <p class="quiet">${stopWords(notice.stop, notice.order_id)}${notice.order_id && ` · ${notice.order_id}`}</p>
    ${promised(notice.promise)}
    <p class="both">
      ${notice.why === "older_revision" && html`<a class="button" href="#c-${notice.commitment_id}">${t("Look at it")}</a>`}
      <button type="button" onClick=${() => dismissNotice(notice.id)}>${t("OK")}</button>
    </p>
  </section>`;
}

export function why(notice: Notice): string {
  const words: Record<Notice["why"], string> = {
    older_revision: t("What you said does not count: the promise changed meanwhile. Look at it, and say it again."),
    no_longer_recipient: t("What you said does not count: it was given to somebody else."),
    commitment_closed: t("What you said does not count: the promise is closed."),
    moved: t("Not yours any more: it was given to %(who)s.", { who: actorWords(notice.recipient ?? "") }),
    withdrawn: t("Not to be done any more: the promise was withdrawn."),
    kept: t("Somebody has said that it is kept."),
    gone: t("Not yours any more."),
    elsewhere: t("The address changed. It was: %(was)s. It is now: %(is)s.", {
      was: notice.was ?? "",
      is: notice.is ?? "",
    }),
  };
  return words[notice.why];
}
