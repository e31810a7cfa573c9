/** Times as a keeper reads them: in his zone, and how long it is until then. */
import { locale, t } from "./texts";

const FORMATS = {
  clock: { hour: "2-digit", minute: "2-digit", hourCycle: "h23" },
  day: { year: "numeric", month: "2-digit", day: "2-digit" },
  named_day: { weekday: "short", day: "numeric", month: "short" },
} as const;

const formats = new Map<string, Intl.DateTimeFormat>();
/** What was told before: a list tells the same times again and again, and each costs more than all else of its row. */
const told = new Map<string, string>();
const MOST_TOLD = 5_000;

function format(at: number, zone: string, as: keyof typeof FORMATS): string {
  const name = `${locale.value} ${zone} ${as}`;
  const time = `${name} ${Math.floor(at / 60_000)}`;
  let words = told.get(time);
  if (words === undefined) {
    if (told.size >= MOST_TOLD) told.clear();
    words = formatOf(name, zone, as).format(at);
    told.set(time, words);
  }
  return words;
}

function formatOf(name: string, zone: string, as: keyof typeof FORMATS): Intl.DateTimeFormat {
  let known = formats.get(name);
  if (known === undefined) {
    known = new Intl.DateTimeFormat(locale.value, { ...FORMATS[as], timeZone: zone });
    formats.set(name, known);
  }
  return known;
}

export const clock = (at: number, zone: string): string => format(at, zone, "clock");

const dayOf = (at: number, zone: string): string => format(at, zone, "day");

/**
 * An instant in words: the hour where it is today, else the day as well. The midnight that ends a day belongs to it.
 *
 *     moment(Date.parse("2026-11-24T16:00:00Z"), "Europe/Sofia", now)  // "18:00"
 */
export function moment(at: number, zone: string, now: number): string {
  const midnight = clock(at, zone) === "00:00";
  const shown = midnight ? at - 60_000 : at;
  const hour = midnight ? "24:00" : clock(at, zone);
  if (dayOf(shown, zone) === dayOf(now, zone)) return hour;
  const day = format(shown, zone, "named_day");
  return `${day} ${hour}`;
}

/** A span of time in two units at most: "2 h 10 min", "3 d 4 h", "under a minute". */
export function span(ms: number): string {
  const minutes = Math.floor(Math.abs(ms) / 60_000);
  const [days, hours, rest] = [Math.floor(minutes / 1440), Math.floor(minutes / 60) % 24, minutes % 60];
  if (days > 0) return hours > 0 ? t("%(days)s d %(hours)s h", { days, hours }) : t("%(days)s d", { days });
  if (hours > 0)
    return rest > 0 ? t("%(hours)s h %(minutes)s min", { hours, minutes: rest }) : t("%(hours)s h", { hours });
  return minutes > 0 ? t("%(minutes)s min", { minutes }) : t("under a minute");
}

/** When something is due: "by 18:00, in 2 h 10 min", or for how long it is overdue. */
export function due(at: number, zone: string, now: number): string {
  const time = moment(at, zone, now);
  return at > now
    ? t("by %(time)s, in %(span)s", { time, span: span(at - now) })
    : t("was due by %(time)s, %(span)s ago", { time, span: span(now - at) });
}

/** From when until when somebody is expected; the day once where both are on it. */
export function between(start: number, end: number | null, zone: string, now: number): string {
  const from = moment(start, zone, now);
  if (end === null) return from;
  return `${from}–${dayOf(start, zone) === dayOf(end, zone) ? clock(end, zone) : moment(end, zone, now)}`;
}
