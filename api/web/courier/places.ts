/** Where the keeper is on this page, by what stands behind "#" in its address, and how he gets back. */
import { signal } from "@preact/signals";

export const place = signal(location.hash);
/** Whether he has gone from one place to another since the page was opened. */
export const hasMoved = signal(false);

/** Back to where he came from; who came by an address goes to where its back button leads. */
export function back(otherwise: string): void {
  if (hasMoved.value) history.back();
  else location.replace(otherwise);
}
