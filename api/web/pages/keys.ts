/**
 * Keys of a page: an element with `data-key="n"` is pressed or focused by that key, wherever nothing is being typed, and
 * by Alt and that key anywhere (WCAG 2.1.4: what a single key does can be had otherwise, and not while typing).
 */

const isTyping = (target: EventTarget | null): boolean =>
  target instanceof HTMLElement &&
  (target.isContentEditable || ["INPUT", "TEXTAREA", "SELECT"].includes(target.tagName));

/** What a key is called: as it writes, and as it lies where another script is written or Alt writes a sign. */
const namesOf = ({ key, code }: KeyboardEvent): string[] => [
  key.toLowerCase(),
  code.replace(/^(Key|Digit)(?=.$)/, "").toLowerCase(),
];

export function keys(): void {
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.isComposing) return;
    if (isTyping(event.target) && !event.altKey) return;
    const names = namesOf(event);
    // In a list the one counts in which the focus is; else the first.
    const scope = document.activeElement?.closest("[data-scope]");
    const found = [
      ...(scope?.querySelectorAll<HTMLElement>("[data-key]") ?? []),
      ...document.querySelectorAll<HTMLElement>("[data-key]"),
    ].find((element) => names.includes(element.dataset["key"] ?? "") && element.offsetParent !== null);
    if (found === undefined) return;
    event.preventDefault();
    const details = found.matches("summary") ? found.parentElement : null;
    if (found.matches("input:not([type=radio], [type=checkbox]), textarea, select")) found.focus();
    // What is open already stays so: its key leads into it.
    else if (!details?.matches("[open]")) found.click();
    if (details?.matches("[open]"))
      details.querySelector<HTMLElement>("input:not([type=hidden]), textarea, select")?.focus();
  });
}
