/** Words and times in English, 简体中文 and български. English is what stands in the code; the rest are catalogues. */
import { signal } from "@preact/signals";

export type Locale = "en" | "zh-CN" | "bg";

export const LOCALES: Record<Locale, string> = { en: "English", "zh-CN": "简体中文", bg: "Български" };

export const locale = signal<Locale>("en");
type Catalogue = (text: string) => string[] | undefined;

const ENGLISH: Catalogue = () => undefined;
const catalogue = signal(ENGLISH);

/** The language that suits somebody best, of those that he is known to read, the first being the best. */
export function chosen(...wanted: (string | null | undefined)[]): Locale {
  for (const tag of wanted) {
    const found = (Object.keys(LOCALES) as Locale[]).find((one) => tag?.toLowerCase().startsWith(one.slice(0, 2)));
    if (found !== undefined) return found;
  }
  return "en";
}

/** Speak a language from now on. Where its words cannot be had, as without a network, all stays as it was. */
export async function speak(wanted: Locale): Promise<void> {
  catalogue.value = wanted === "en" ? ENGLISH : await catalogueOf(wanted);
  locale.value = wanted;
  document.documentElement.lang = wanted;
}

async function catalogueOf(wanted: Locale): Promise<Catalogue> {
  const { words, nameOf } = await import("catalogues");
  const which = Object.keys(LOCALES).indexOf(wanted) - 1;
  return (text) => words[nameOf(text)]?.[which];
}

/**
 * Words in the language that is spoken.
 *
 *     t("Stop %(number)s", { number: 4 })  // "Stop 4"
 */
export function t(message: string, values: Record<string, string | number> = {}): string {
  return filled(catalogue.value(message)?.[0] || message, values);
}

/** Words about a number of things; `%(count)s` is the number. */
export function tn(one: string, many: string, count: number, values: Record<string, string | number> = {}): string {
  const forms = catalogue.value(one);
  const words = forms?.[forms.length === 1 || count === 1 ? 0 : 1] || (count === 1 ? one : many);
  return filled(words, { count, ...values });
}

/** Marks words that are looked up elsewhere. */
export const msg = (message: string): string => message;

const filled = (words: string, values: Record<string, string | number>): string =>
  words.replace(/%\((\w+)\)s/g, (all, name: string) => String(values[name] ?? all));

/** Whose voice should read words that are in no known language: what their script tells, else nothing. */
export function langOf(words: string): string {
  if (/[\p{Script=Hiragana}\p{Script=Katakana}]/u.test(words)) return "ja";
  if (/\p{Script=Han}/u.test(words)) return "zh-CN";
  return /\p{Script=Cyrillic}/u.test(words) ? "bg" : "";
}
