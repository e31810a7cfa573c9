/** Times as a keeper reads them: in his zone, and how long it is until then. */
import { locale, t } from "./texts";

const formats = new Map<string, Intl.DateTimeFormat>();

function format(at: number, zone: string, options: Intl.DateTimeFormatOptions): string {
  const name = `${locale.value} ${zone} ${JSON.stringify(options)}`;
  let known = formats.get(name);
  if (known === undefined) {
    known = new Intl.DateTimeFormat(locale.value, { ...options, timeZone: zone });
    formats.set(name, known);
  }
  return known.format(at);
}

const CLOCK = { hour: "2-digit", minute: "2-digit", hourCycle: "h23" } as const;
const DAY = { year: "numeric", month: "2-digit", day: "2-digit" } as const;

export const clock = (at: number, zone: string): string => format(at, zone, CLOCK);

const dayOf = (at: number, zone: string): string => format(at, zone, DAY);

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
  const day = format(shown, zone, { weekday: "short", day: "numeric", month: "short" });
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
