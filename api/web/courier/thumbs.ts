/** What a thumb in a glove does not mean: the second tap of two, and the tap on what has just come under it. */
import { signal } from "@preact/signals";
import { UNDO_MS } from "./outbox";

const DOUBLE_TAP_MS = 700;
let last = { id: "", at: 0 };

/** Whether it is the second of two taps on one promise: it hits the button that came into the place of the first. */
export function isDoubleTap(id: string): boolean {
  const now = Date.now();
  const isDouble = last.id === id && now >= last.at && now - last.at < DOUBLE_TAP_MS;
  if (!isDouble) last = { id, at: now };
  return isDouble;
}

/** The tap came to nothing: the next one is a first. */
export function forget(): void {
  last = { id: "", at: 0 };
}

/** Whoever taps "Undo" a moment too late must not hit what stands there next. */
export const SETTLING_MS = 900;

/** The promise of which something was just said: for a moment longer than it can be undone its buttons rest. */
export const settling = signal<{ id: string; until: number } | null>(null);

/** Whether they rest; a clock that is set back meanwhile makes it no longer. */
export const rests = (id: string, now: number): boolean =>
  settling.value?.id === id && now < settling.value.until && settling.value.until - now <= UNDO_MS + SETTLING_MS;
