import type { HtmxResponseInfo } from "htmx.org";

/** A stream that breaks off comes about again by itself, and mostly before anybody notices. */
const PATIENCE_MS = 3_000;

/** While the server cannot be asked, that is said: what stands on the page may be old. */
export function awayness(): void {
  const notice = document.querySelector<HTMLElement>("[data-away]");
  if (notice === null) return;
  let soon: ReturnType<typeof setTimeout> | undefined;
  const say = (isAway: boolean): void => {
    clearTimeout(soon);
    soon = undefined;
    notice.hidden = !isAway;
  };
  const on = (event: string, then: (event: Event) => void): void => document.body.addEventListener(event, then);
  on("htmx:sendError", () => say(true));
  on("htmx:responseError", (event) => {
    // What is refused was answered.
    if ((event as CustomEvent<HtmxResponseInfo>).detail.xhr.status >= 500) say(true);
  });
  on("htmx:sseError", () => {
    soon ??= setTimeout(() => say(true), PATIENCE_MS);
  });
  for (const event of ["htmx:afterSwap", "htmx:sseOpen"]) on(event, () => say(false));
}
