/** What the keeper must know of this phone itself: no network, things not sent, things refused, no room, a new version. */
import { html } from "htm/preact";
import { bringUpToDate, leave } from "../actions";
import * as state from "../state";
import { t, tn } from "../texts";
import { moment } from "../times";
import { type Icon, icon, type View } from "./parts";

/** All of it; where it `isBrief`, only what there is no other place for on that page. */
export function strip({ isBrief = false } = {}): View {
  if (isBrief) return html`${trouble()} ${connection()} ${refused()}`;
  return html`${trouble()} ${connection()} ${unsent()} ${refused()} ${incomplete()} ${newer()}`;
}

const said = (name: Icon, tone: string, words: string, more: unknown = null): View =>
  html`<div class="strip ${tone}"><p class="mark">${icon(name)}<span>${words}</span></p>${more}</div>`;

function trouble(): View | null {
  if (state.trouble.value === null) return null;
  const words = {
    full: t("This phone has no room left: your last tap was NOT saved. Free some space, and tap again."),
    lost: t("This phone has cleared what was saved here. What was not sent is lost: check every promise again."),
    insecure: t("This page needs an address that begins with https. Ask the office for it."),
    none: t(
      "This browser keeps nothing, so that nothing can be confirmed here. Leave the private window, or ask for a link.",
    ),
  };
  const close = (): void => {
    state.trouble.value = null;
  };
  return html`<div role="alert">
    ${said("overdue", "alarm", words[state.trouble.value], html`<button type="button" onClick=${close}>${t("OK")}</button>`)}
  </div>`;
}

function connection(): View | null {
  if (state.me.value === null) return null;
  const at = state.day.value.fetched_at;
  const time = at === null ? null : moment(at, state.zone.value, state.now.value);
  const words = time === null ? "" : t("Shown as of %(time)s.", { time });
  if (!state.isOnline.value) return said("no_network", "", `${t("No network.")} ${words}`);
  if (state.reached.value === "unreachable")
    return said("no_network", "", `${t("The server cannot be reached.")} ${words}`);
  if (state.reached.value === "stranger") {
    const again = html`<button type="button" onClick=${() => leave()}>${t("Sign in again")}</button>`;
    return said("declined", "alarm", t("This phone is not signed in any more. What was not sent stays here."), again);
  }
  return null;
}

function unsent(): View | null {
  const count = state.unsent.value.length;
  if (count === 0) return null;
  const now = html`<button type="button" onClick=${bringUpToDate}>${icon("send")}<span>${t("Send now")}</span></button>`;
  return said(
    "saved",
    "saved",
    tn("%(count)s thing saved on this phone, not sent", "%(count)s things saved on this phone, not sent", count),
    now,
  );
}

function refused(): View | null {
  const count = state.refused.value.length;
  if (count === 0) return null;
  const look = html`<a class="button" href="#done">${t("Look at it")}</a>`;
  return said(
    "declined",
    "alarm",
    tn("%(count)s thing was not recorded", "%(count)s things were not recorded", count),
    look,
  );
}

function incomplete(): View | null {
  if (!state.day.value.incomplete) return null;
  return said("overdue", "alarm", t("Not everything can be shown at the moment. Ask the office."));
}

function newer(): View | null {
  const waiting = state.newer.value;
  if (waiting === null) return null;
  const use = html`<button type="button" onClick=${() => waiting.postMessage("take over")}>${t("Use it")}</button>`;
  return said("new", "", t("There is a newer version of this page."), use);
}
