/** What a keeper seldom needs: his language, the colours, messages, whose phone it is, and what the phone knows of itself. */
import { useSignal } from "@preact/signals";
import { html } from "htm/preact";
import { bringUpToDate, leave } from "../actions";
import { setLocale, setTheme, theme } from "../choices";
import { isQuiet } from "../outbox";
import { canPush, subscribe, unsubscribe } from "../push";
import { Unreachable } from "../server";
import * as state from "../state";
import { LOCALES, type Locale, locale, t, tn } from "../texts";
import { moment, span } from "../times";
import { icon, type View } from "./parts";
import { strip } from "./strip";

const NOTEWORTHY_SKEW_MS = 60_000;

export function More(): View {
  return html`
    <header class="top">
      <a class="square" href="#" aria-label=${t("Back")}>${icon("back")}</a>
      <h1 tabindex="-1">${t("More")}</h1>
    </header>
    <main>${strip()} ${language()} ${colours()} <${Messages} /> ${phone()} <${Who} /></main>
  `;
}

export const language = (): View => html`<fieldset>
  <legend>${t("Language")}</legend>
  <div class="choices across">
    ${Object.entries(LOCALES).map(
      ([name, words]) =>
        html`<button type="button" key=${name} lang=${name} aria-pressed=${locale.value === name} onClick=${() => setLocale(name as Locale)}>${words}</button>`,
    )}
  </div>
</fieldset>`;

function colours(): View {
  const choices = [
    [undefined, t("As the phone")],
    ["light", t("Light")],
    ["dark", t("Dark")],
  ] as const;
  return html`<fieldset>
    <legend>${t("Colours")}</legend>
    <div class="choices across">
      ${choices.map(([name, words]) => html`<button type="button" key=${words} aria-pressed=${theme.value === name} onClick=${() => setTheme(name)}>${words}</button>`)}
    </div>
  </fieldset>`;
}

function Messages(): View | null {
  const said = useSignal("");
  const isOn = state.remembered.value.push_endpoint !== undefined;
  if (!canPush()) return null;
  const change = async (): Promise<void> => {
    said.value = "";
    if (isOn) await unsubscribe();
    else if (!(await subscribe())) said.value = t("The browser does not allow it. Look at its settings for this page.");
  };
  return html`<fieldset>
    <legend>${t("Messages")}</legend>
    <button type="button" aria-pressed=${isOn} onClick=${change}>
      ${icon("bell")}<span>${isOn ? t("This phone tells you. Switch it off") : t("Tell me when something changes")}</span>
    </button>
    ${said.value !== "" && html`<p class="alarm" role="alert">${said.value}</p>`}
  </fieldset>`;
}

function phone(): View {
  const [at, skew] = [state.day.value.fetched_at, state.skew.value ?? 0];
  // What can still be undone is not sent either.
  const unsent = state.entries.value.filter((entry) => !entry.refused && !isQuiet(entry)).length;
  const wrong =
    skew > 0
      ? t("This phone's clock is %(span)s slow.", { span: span(skew) })
      : t("This phone's clock is %(span)s fast.", { span: span(skew) });
  return html`<fieldset>
    <legend>${t("This phone")}</legend>
    ${at !== null && html`<p>${t("Shown as of %(time)s.", { time: moment(at, state.zone.value, state.now.value) })}</p>`}
    <p>${unsent > 0 ? tn("%(count)s thing saved on this phone, not sent", "%(count)s things saved on this phone, not sent", unsent) : t("Everything is sent.")}</p>
    ${Math.abs(skew) >= NOTEWORTHY_SKEW_MS && html`<p class="mark alarm">${icon("open")}<span>${wrong} ${t("What you say is recorded with the right time.")}</span></p>`}
    ${state.isPersistent.value === false && html`<p class="quiet">${t("The browser may clear what is saved here when room is scarce. Put this page on the home screen.")}</p>`}
    <p class="quiet">${t("Times are those of %(time_zone)s.", { time_zone: state.zone.value })} ${t("Version %(version)s", { version: VERSION })}</p>
    ${unsent === 0 && html`<button type="button" onClick=${bringUpToDate}>${icon("send")}<span>${t("Send now")}</span></button>`}
  </fieldset>`;
}

function Who(): View {
  const said = useSignal("");
  const away = async (): Promise<void> => {
    // What did not answer a moment ago may do so by now.
    if (state.reached.value === "unreachable") await bringUpToDate();
    // Nobody could begin to use it then, not even he again.
    if (state.reached.value === "unreachable" || !state.isOnline.value) {
      said.value = t("Without a network nobody can begin to use this phone. Wait until there is one.");
      return;
    }
    await unsubscribe();
    try {
      await leave({ signsOut: true });
    } catch (error) {
      if (!(error instanceof Unreachable)) throw error;
      said.value = t("The server cannot be reached.");
      return;
    }
    location.hash = "";
  };
  const { name = null, actor = "" } = state.me.value ?? {};
  return html`<fieldset>
    <legend>${name ?? actor}</legend>
    ${name !== null && html`<p class="quiet">${actor}</p>`}
    ${state.unsent.value.length > 0 && html`<p>${t("What is not sent yet waits here until you are back.")}</p>`}
    <button type="button" onClick=${away}>${t("Somebody else uses this phone")}</button>
    ${said.value !== "" && html`<p class="alarm" role="alert">${said.value}</p>`}
  </fieldset>`;
}
