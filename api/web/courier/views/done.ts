/** What was said on this phone and recorded, what is not sent, and what was not recorded; a wrong tap is taken back here. */
import { html } from "htm/preact";
import { dismiss, takeBack, withoutPhoto } from "../actions";
import type { Done as Record_ } from "../model";
import { type Entry, isQuiet } from "../outbox";
import * as state from "../state";
import { t } from "../texts";
import { moment } from "../times";
import { icon, mark, promised, saying, undoButton, type View, whyRefused } from "./parts";
import { strip } from "./strip";
import { why } from "./today";

const TAKEN_BACK_WITHIN_MS = 24 * 3_600_000;

export function DoneList(): View {
  const waiting = state.entries.value.filter((entry) => !isQuiet(entry));
  const done = [...state.done.value].sort((a, b) => b.at - a.at);
  return html`
    <header class="top">
      <a class="square" href="#" aria-label=${t("Back")}>${icon("back")}</a>
      <h1 tabindex="-1">${t("What you have done")}</h1>
    </header>
    <main>
      ${strip()}
      ${waiting.length > 0 && html`<h2>${t("Only on this phone")}</h2><ul class="things">${waiting.map(waits)}</ul>`}
      <h2>${t("Recorded")}</h2>
      ${done.length > 0 ? html`<ul class="things">${done.map(recorded)}</ul>` : html`<p class="quiet">${t("Nothing yet.")}</p>`}
    </main>
  `;
}

const when = (at: number): string => moment(at + (state.skew.value ?? 0), state.zone.value, state.now.value);

function waits(entry: Entry): View {
  const why = entry.refused === undefined ? "" : whyRefused(entry.refused);
  return html`<li key=${entry.key}>
    <p class="quiet">${when(entry.said_at)} · ${saying(entry)}${entry.order_id && ` · ${entry.order_id}`}</p>
    ${promised(entry.promise)}
    ${
      entry.refused
        ? mark("declined", "alarm", t("Not recorded: %(why)s", { why }))
        : mark("saved", "saved", t("Saved on this phone, not sent"))
    }
    <p class="both">
      ${entry.body === undefined && undoButton(entry, { always: true })}
      ${entry.refused && entry.photo && html`<button type="button" onClick=${() => withoutPhoto(entry)}>${t("Send without the photo")}</button>`}
      ${entry.refused && html`<button type="button" onClick=${() => dismiss(entry)}>${t("Remove")}</button>`}
    </p>
  </li>`;
}

function recorded(one: Record_): View {
  return html`<li key=${`d-${one.id}`}>
    <p class="quiet">${when(one.at)}${one.order_id && ` · ${one.order_id}`}</p>
    ${promised(one.promise)} ${whatCameOf(one)}
  </li>`;
}

const SIGNS = {
  receipts: ["received", "done"],
  fulfilment: ["received", "done"],
  attempts: ["declined", ""],
  reopening: ["undo", ""],
} as const;

function whatCameOf(one: Record_): View {
  const isDeclined = one.said.command === "receipts" && one.said.state === "declined";
  if (one.why_not !== null) return mark("declined", "alarm", t("%(said)s: does not count", { said: saying(one) }));
  const [sign, tone] = isDeclined ? SIGNS.attempts : SIGNS[one.said.command];
  return html`${mark(sign, tone, saying(one))}
    ${canTakeBack(one) && html`<p><button type="button" onClick=${() => takeBack(one)}>${icon("undo")}<span>${t("That was a wrong tap: undo it")}</span></button></p>`}`;
}

/** The last that was said of a promise can be taken back for a day, if that was that it is kept. */
function canTakeBack(one: Record_): boolean {
  const later = state.done.value.some((other) => other.commitment_id === one.commitment_id && other.at > one.at);
  const waits = state.entries.value.some(
    (entry) => entry.commitment_id === one.commitment_id && entry.said.command === "reopening" && !entry.refused,
  );
  return one.said.command === "fulfilment" && !later && !waits && state.here.value - one.at < TAKEN_BACK_WITHIN_MS;
}

/** A promise that is no task any more: what this phone knows of what became of it. */
export function Gone({ id }: { id: string }): View {
  // A receipt is no reason why a promise is gone.
  const done = state.done.value
    .filter((one) => one.commitment_id === id && one.said.command !== "receipts")
    .sort((a, b) => b.at - a.at);
  const entry = state.entries.value.find((one) => one.commitment_id === id && !isQuiet(one));
  const told = state.notices.value.filter((one) => one.commitment_id === id);
  const [next] = state.needing.value;
  const heading = done[0] ? saying(done[0]) : entry ? saying(entry) : t("No task of yours");
  return html`
    <header class="top">
      <a class="square" href="#" aria-label=${t("Back")}>${icon("back")}</a>
      <h1 tabindex="-1">${heading}</h1>
    </header>
    <main class="with-bar">
      ${strip()} ${told.map((one) => html`<p class="notice alarm" key=${`n-${one.id}`}>${why(one)}</p>`)} ${done[0] && promised(done[0].promise)}
      ${entry && html`<p>${mark("saved", "saved", `${saying(entry)}: ${t("Saved on this phone, not sent")}`)}</p>`}
      ${done.map((one) => html`<div key=${`d-${one.id}`}><p class="quiet">${when(one.at)}</p>${whatCameOf(one)}</div>`)}
      ${done.length === 0 && !entry && html`<p>${t("This promise is closed, or somebody else's.")}</p>`}
    </main>
    <footer class="bar">
      ${entry && undoButton(entry)}
      <a class="button main" href=${next ? `#c-${next.commitment.id}` : "#"}>${next ? t("Next") : t("Today")}</a>
    </footer>
  `;
}
