/** One promise, in the customer's words as the agent recorded them, and what the keeper says to it. */
import { html } from "htm/preact";
import { useEffect, useRef } from "preact/hooks";
import { keep, open, read, receive } from "../actions";
import { wordsOf } from "../model";
import { isQuiet } from "../outbox";
import { askedOf, nextStep, type Step, saidOf, standing, type Task } from "../standing";
import * as state from "../state";
import { langOf, t } from "../texts";
import { rests, SETTLING_MS, settling } from "../thumbs";
import { moment } from "../times";
import { Gone } from "./done";
import { Cannot, Kept, Tried } from "./forms";
import {
  actorWords,
  dueWords,
  heldWords,
  icon,
  isOverdue,
  itemsOf,
  mark,
  marksOf,
  promised,
  saying,
  standingOf,
  stopWords,
  undoButton,
  useRecorded,
  type View,
  whyRefused,
  wordsShown,
} from "./parts";
import { strip } from "./strip";
import { planned } from "./today";

export function Promised({ id, form }: { id: string; form: string | undefined }): View {
  const task = state.tasks.value.find((one) => one.commitment.id === id);
  const revision = task?.commitment.revision;
  const shown = useRef(revision);
  useRecorded(state.entries.value.find((entry) => entry.commitment_id === id && !isQuiet(entry)));
  useEffect(() => {
    if (revision !== undefined && revision !== shown.current) {
      // Whoever was about to answer reads the new words first.
      if (shown.current !== undefined) settling.value = { id, until: Date.now() + SETTLING_MS };
      if (form !== undefined) location.replace(`#c-${id}`);
      shown.current = revision;
    }
    if (task === undefined) return undefined;
    void open(task);
    return () => void read(task);
  }, [id, revision]);
  if (task === undefined) return html`<${Gone} id=${id} />`;
  const forms: Record<string, View> = {
    cannot: html`<${Cannot} task=${task} />`,
    kept: html`<${Kept} task=${task} />`,
    tried: html`<${Tried} task=${task} />`,
  };
  return html`
    <header class="top">
      <a class="square" href=${form ? `#c-${id}` : "#"} aria-label=${t("Back")}>${icon("back")}</a>
      <p class="who">${stopWords(task.stop.stop, task.stop.order_id)} <span class="when">${planned(task.stop)}</span></p>
    </header>
    ${forms[form ?? ""] ?? html`<${Whole} task=${task} /><${Bar} task=${task} />`}
  `;
}

function Whole({ task }: { task: Task }): View {
  const { commitment, stop } = task;
  const { not_before } = commitment.due;
  return html`<main class="with-bar">
    ${strip({ isBrief: true })}
    <p class="marks">${marksOf(task)}</p>
    ${task.before === null ? promised(commitment.promise, "h1", "promise") : changed(task)}
    ${task.before === null && html`<p class=${isOverdue(task) ? "due alarm" : "due"}>${dueWords(commitment.due.at)}</p>`}
    ${not_before !== null && html`<p>${t("Not before %(time)s", { time: moment(Date.parse(not_before), state.zone.value, state.now.value) })}</p>`}
    ${task.before === null && things(task)}
    ${stop.address !== null && place(stop.address)}
    <p class="quiet">
      ${t("Promised by %(who)s", { who: actorWords(commitment.made_by) })}${commitment.order_id && html` · ${t("order %(order)s", { order: commitment.order_id })}`}
    </p>
    ${refusal(task)} ${attempted(task)} ${others(task)} ${further(task)}
  </main>`;
}

function things(task: Task): View | null {
  const items = itemsOf(task.commitment.items);
  return items && html`<h2 class="label">${t("To bring")}</h2>${items}`;
}

/** What it was and what it is, side by side: the eye finds what is different. */
function changed(task: Task): View {
  const { before } = task;
  if (before === null) return html``;
  return html`<h1 class="label" tabindex="-1">${t("This promise changed meanwhile")}</h1>
    <div class="sides">
      <section class="was"><h2 class="label">${t("It was")}</h2>${wordsShown(before)}</section>
      <section class="is"><h2 class="label">${t("It is now")}</h2>${wordsShown(wordsOf(task.commitment))}</section>
    </div>`;
}

const place = (address: string): View => html`<a
  class="place"
  href="https://www.openstreetmap.org/search?query=${encodeURIComponent(address)}"
  target="_blank"
  rel="noreferrer"
  >${icon("place")}<span lang=${langOf(address)} dir="auto">${address}</span><span class="hidden">${t("(opens a map)")}</span></a
>`;

function refusal(task: Task): View | null {
  const entry = task.entries.find((one) => one.refused);
  if (entry?.refused === undefined) return null;
  return html`<section class="notice alarm">
    ${mark("declined", "", t("Not recorded: %(why)s", { why: whyRefused(entry.refused) }))}
  </section>`;
}

/** The last that was tried from this phone: that it was leaves no sign in how the keeper stands to it. */
function attempted(task: Task): View | null {
  const { id } = task.commitment;
  const tried = state.done.value.filter((one) => one.commitment_id === id && one.said.command === "attempts");
  const last = tried.sort((a, b) => b.at - a.at)[0];
  const at = (last?.at ?? 0) + (state.skew.value ?? 0);
  return last === undefined
    ? null
    : html`<p>${mark("declined", "", `${moment(at, state.zone.value, state.now.value)} · ${saying(last)}`)}</p>`;
}

function others(task: Task): View | null {
  const more = state.tasks.value.filter((one) => one.stop === task.stop && one !== task);
  if (more.length === 0) return null;
  return html`<h2 class="label">${t("Also at this stop")}</h2>
    <ul>
      ${more.map(
        (one) => html`<li key=${one.commitment.id}>
          <a class="row" href="#c-${one.commitment.id}">${promised(one.commitment.promise, "span")}<span class="marks">${marksOf(one)}</span></a>
        </li>`,
      )}
    </ul>`;
}

/** What can be said besides what the bar asks for. */
function further(task: Task): View | null {
  const [handoff, { id }] = [askedOf(task, state.here.value), task.commitment];
  const step = nextStep(handoff, task.entries, state.here.value);
  if (step === "undo" || step === "wait") return null;
  if (step === "receipt") {
    return html`<p class="both">
      <a class="button" href="#c-${id}/tried">${t("Tried, and not kept")}</a>
      <a class="button" href="#c-${id}/kept">${t("Kept")}</a>
    </p>`;
  }
  return html`<p class="both">
    <a class="button" href="#c-${id}/kept">${t("Kept, with a note")}</a>
    ${handoff.asked !== "none" && html`<a class="button" href="#c-${id}/cannot">${t("I can't")}</a>`}
  </p>`;
}

/** Who works with a keyboard goes on where he was, though what he pressed has made way for something else. */
function useFocusKept(step: Step): { current: HTMLElement | null } {
  const [bar, shown] = [useRef<HTMLElement>(null), useRef(step)];
  useEffect(() => {
    if (shown.current !== step && document.activeElement === document.body)
      bar.current?.querySelector<HTMLElement>("button, a, p")?.focus({ preventScroll: true });
    shown.current = step;
  }, [step]);
  return bar;
}

/** At the thumb: what is asked next, and how to say no. */
function Bar({ task }: { task: Task }): View {
  const [handoff, { id }] = [askedOf(task, state.here.value), task.commitment];
  const entry = saidOf(handoff, task.entries);
  const next = nextStep(handoff, task.entries, state.here.value);
  const step = next !== "undo" && rests(id, state.here.value) ? "wait" : next;
  const bar = useFocusKept(step);
  if (step === "undo" && entry) return html`<footer class="bar" ref=${bar}>${undoButton(entry)}</footer>`;
  if (step === "wait")
    return html`<footer class="bar" ref=${bar}><p tabindex="-1">${standingOf(task, handoff)}</p></footer>`;
  if (step === "receipt") {
    const isHeld = handoff.asked === "held";
    const isDeclined = standing(handoff, task.entries, state.here.value) === "declined";
    return html`<footer class="bar" ref=${bar}>
      ${!isDeclined && html`<a class="button" href="#c-${id}/cannot">${icon("declined")}<span>${t("I can't")}</span></a>`}
      <button type="button" class="main" onClick=${() => receive(task, handoff)}>
        ${icon(isHeld ? "van" : "received")}<span>${isHeld ? heldWords(handoff.role) : t("I know")}</span>
      </button>
    </footer>`;
  }
  return html`<footer class="bar" ref=${bar}>
    <a class="button" href="#c-${id}/tried">${icon("declined")}<span>${t("Tried")}</span></a>
    <button type="button" class="main" onClick=${() => keep(task, "", null)}>${icon("received")}<span>${t("Kept")}</span></button>
  </footer>`;
}
