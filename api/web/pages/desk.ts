/**
 * The desk's form: what the server proposes goes into the fields. A field whose content is not what was proposed before
 * is the agent's own and stays as he left it, also where he changed it while the answer was on its way.
 */

type Proposals = Map<string, string>;

const PROPOSED = "was_";

function proposed(form: HTMLFormElement): Proposals {
  const hidden = form.querySelectorAll<HTMLInputElement>(`input[type=hidden][name^=${PROPOSED}]`);
  return new Map([...hidden].map(({ name, value }) => [name.slice(PROPOSED.length), value]));
}

function put(form: HTMLFormElement, name: string, before: string, now: string): void {
  const field = form.elements.namedItem(name);
  if (field instanceof RadioNodeList) {
    if (field.value !== before) return;
    for (const one of field) if (one instanceof HTMLInputElement) one.checked = one.value === now;
  } else if (field instanceof HTMLInputElement || field instanceof HTMLTextAreaElement) {
    if (field.value === before && field.value !== now) field.value = now;
  }
}

export function proposals(): void {
  const form = document.querySelector<HTMLFormElement>("form[data-look]");
  if (form === null) return;
  let known = proposed(form);
  form.addEventListener("htmx:afterSwap", () => {
    const now = proposed(form);
    for (const name of new Set([...known.keys(), ...now.keys()]))
      put(form, name, known.get(name) ?? "", now.get(name) ?? "");
    known = now;
  });
}

/** A link that was made is copied where the browser allows it; else it stands there, selected. */
export function copying(): void {
  for (const button of document.querySelectorAll<HTMLButtonElement>("button[data-copy]")) {
    const field = document.querySelector<HTMLInputElement>(button.dataset["copy"] ?? "");
    if (field === null) continue;
    field.select();
    button.hidden = navigator.clipboard === undefined;
    button.addEventListener("click", async () => {
      field.select();
      await navigator.clipboard.writeText(field.value);
      button.setAttribute("aria-pressed", "true");
    });
  }
}
