/** What a keeper has chosen on this phone: his language, and the colours. */
import { signal } from "@preact/signals";
import { guarded, store } from "./actions";
import * as state from "./state";
import { chosen, type Locale, locale, speak } from "./texts";

export type Theme = "light" | "dark";

export const theme = signal<Theme | undefined>(undefined);

/** To be called once what is remembered was read. His own choice, else the language that the office knows him to read, else what the browser asks for. */
export async function recallChoices(): Promise<void> {
  const own = state.remembered.value;
  show(own.theme);
  await speak(chosen(own.locale, state.me.value?.locale, ...navigator.languages)).catch(() => undefined);
}

export async function setLocale(wanted: Locale): Promise<void> {
  await guarded(() => store.remember("locale", wanted));
  await speak(wanted).catch(() => {
    state.spoken.value = locale.value;
  });
}

export async function setTheme(wanted: Theme | undefined): Promise<void> {
  await guarded(() => store.remember("theme", wanted));
  show(wanted);
}

function show(wanted: Theme | undefined): void {
  theme.value = wanted;
  if (wanted === undefined) delete document.documentElement.dataset["theme"];
  else document.documentElement.dataset["theme"] = wanted;
}
