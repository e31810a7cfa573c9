/**
 * Lists that are worked by keys: J and K lead from one `data-scope` to the next, and its keys are pressed in it. A group
 * that is closed (`data-group`, a `summary`) is led to as well: Enter opens it.
 */

const isTyping = (target: EventTarget | null): boolean =>
  target instanceof HTMLElement && (target.isContentEditable || /^(INPUT|TEXTAREA|SELECT)$/.test(target.tagName));

export function scopes(): void {
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.isComposing || isTyping(event.target)) return;
    const step = { j: 1, k: -1 }[event.key.toLowerCase()];
    if (step === undefined) return;
    const all = [...document.querySelectorAll<HTMLElement>("[data-scope], [data-group]")].filter(
      (one) => one.offsetParent !== null,
    );
    const at = all.findIndex((one) => one.contains(document.activeElement));
    const next = at < 0 ? all[0] : all[at + step];
    if (next === undefined) return;
    event.preventDefault();
    next.focus();
    next.scrollIntoView({ block: "nearest" });
  });
}
