/** What needs more than one tap: why he cannot, how it was tried, a note and a photo of what was kept. */
import { type Signal, signal, useSignal } from "@preact/signals";
import { html } from "htm/preact";
import { decline, keep, tried } from "../actions";
import type { Outcome } from "../model";
import { scaled } from "../photos";
import { back } from "../places";
import { askedOf, type Task } from "../standing";
import * as state from "../state";
import { msg, t } from "../texts";
import { icon, OUTCOMES, promised, type View } from "./parts";
import { strip } from "./strip";

const REASONS = [
  msg("I do not have the goods"),
  msg("There is not enough time"),
  msg("I cannot get to the address"),
  msg("I am ill, or not at work"),
];

const MOST_WORDS = 1000;

/** What was typed and not said yet. */
interface Draft {
  own: Signal<string>;
  note: Signal<string>;
  photo: Signal<Blob | null>;
}

/** By promise: neither a promise that changes meanwhile nor a phone without room costs anybody his words. */
const drafts = new Map<string, Draft>();

function draftOf({ commitment }: Task): Draft {
  const draft = drafts.get(commitment.id) ?? { own: signal(""), note: signal(""), photo: signal(null) };
  drafts.set(commitment.id, draft);
  return draft;
}

/** Back to the promise, where it can be undone; as long as it is not saved its words stay here. */
async function said({ commitment }: Task, saving: Promise<boolean>): Promise<void> {
  if (!(await saving)) return;
  drafts.delete(commitment.id);
  back(`#c-${commitment.id}`);
}

export function Cannot({ task }: { task: Task }): View {
  const { own } = draftOf(task);
  const handoff = askedOf(task, state.here.value);
  const say = (reason: string): void => void said(task, decline(task, handoff, reason));
  const send = (event: Event): void => {
    event.preventDefault();
    if (own.value.trim() !== "") say(own.value.trim());
  };
  return html`<main>
    ${strip({ isBrief: true })}
    <h1 tabindex="-1">${t("Why can't you?")}</h1>
    ${promised(task.commitment.promise)}
    <div class="choices">${REASONS.map((reason) => html`<button type="button" key=${reason} onClick=${() => say(t(reason))}>${t(reason)}</button>`)}</div>
    <form onSubmit=${send}>
      <label for="own">${t("In your own words")}</label>
      <input
        id="own"
        maxlength=${MOST_WORDS}
        dir="auto"
        autocomplete="off"
        value=${own}
        onInput=${(event: InputEvent) => {
          own.value = (event.target as HTMLInputElement).value;
        }}
      />
      <button disabled=${own.value.trim() === ""}>${icon("declined")}<span>${t("Say that I can't")}</span></button>
    </form>
  </main>`;
}

export function Tried({ task }: { task: Task }): View {
  const { note, photo } = draftOf(task);
  const say = (outcome: Outcome): void => void said(task, tried(task, outcome, note.value, photo.value));
  return html`<main>
    ${strip({ isBrief: true })}
    <h1 tabindex="-1">${t("What happened?")}</h1>
    ${promised(task.commitment.promise)}
    <details>
      <summary class="button">${state.me.value?.photos ? t("Add a note or a photo") : t("Add a note")}</summary>
      <${More} note=${note} photo=${photo} />
    </details>
    <div class="choices">
      ${Object.entries(OUTCOMES).map(
        ([outcome, words]) =>
          html`<button type="button" key=${outcome} onClick=${() => say(outcome as Outcome)}>${t(words)}</button>`,
      )}
    </div>
  </main>`;
}

export function Kept({ task }: { task: Task }): View {
  const { note, photo } = draftOf(task);
  const say = (event: Event): void => {
    event.preventDefault();
    void said(task, keep(task, note.value, photo.value));
  };
  return html`<form class="whole" onSubmit=${say}>
    <main class="with-bar">
      ${strip({ isBrief: true })}
      <h1 tabindex="-1">${t("Kept")}</h1>
      ${promised(task.commitment.promise)}
      <${More} note=${note} photo=${photo} />
    </main>
    <footer class="bar"><button class="main">${icon("received")}<span>${t("Kept")}</span></button></footer>
  </form>`;
}

/** A note and, where the operator has switched them on, a photo: neither must be. */
function More({ note, photo }: Omit<Draft, "own">): View {
  return html`<label for="note">${t("Note (may be left out)")}</label>
    <input
      id="note"
      maxlength=${MOST_WORDS}
      dir="auto"
      autocomplete="off"
      value=${note}
      onInput=${(event: InputEvent) => {
        note.value = (event.target as HTMLInputElement).value;
      }}
    />
    ${state.me.value?.photos && html`<${Photo} photo=${photo} />`}`;
}

function Photo({ photo }: Pick<Draft, "photo">): View {
  const fault = useSignal<string | null>(null);
  const take = async (event: Event): Promise<void> => {
    const [file] = (event.target as HTMLInputElement).files ?? [];
    if (file === undefined) return;
    const made = await scaled(file);
    photo.value = made;
    fault.value = made === null ? t("This picture cannot be read.") : null;
  };
  const size = photo.value === null ? "" : t("%(size)s KB", { size: Math.round(photo.value.size / 1000) });
  return html`<label class="button" for="photo">${icon("camera")}<span>${photo.value === null ? t("Take a photo") : t("Photo added (%(size)s)", { size })}</span></label>
    <input id="photo" class="hidden" type="file" accept="image/*" capture="environment" onChange=${take} />
    ${fault.value !== null && html`<p class="alarm" role="alert">${fault.value}</p>`}`;
}
