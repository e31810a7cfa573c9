/** The loading list: every thing that must be in the hand or in the van, a tap each, or scanned. */
import { useSignal } from "@preact/signals";
import { html } from "htm/preact";
import { receive } from "../actions";
import { canScan } from "../scanning";
import { needsKeeper, saidOf, type Task } from "../standing";
import * as state from "../state";
import { t, tn } from "../texts";
import { Camera } from "./camera";
import { heldWords, icon, itemsOf, promised, standingOf, stopWords, undoButton, type View } from "./parts";
import { strip } from "./strip";

export function Loading(): View {
  const isScanning = useSignal(false);
  const heard = useSignal("");
  const things = state.things.value;
  const missing = things.filter((task) => needsKeeper(task, state.here.value)).length;
  const found = async (code: string): Promise<void> => {
    heard.value = await scanned(code, things);
    state.spoken.value = heard.value;
  };
  return html`
    <header class="top">
      <a class="square" href="#" aria-label=${t("Back")}>${icon("back")}</a>
      <h1 tabindex="-1">${t("Loading list")}</h1>
    </header>
    <main>
      ${strip()}
      <p class="count">${missing > 0 ? tn("%(count)s thing is missing", "%(count)s things are missing", missing) : t("Nothing is missing.")}</p>
      ${
        canScan() &&
        html`<button type="button" aria-pressed=${isScanning.value} onClick=${() => (isScanning.value = !isScanning.value)}>
        ${icon("scan")}<span>${isScanning.value ? t("Stop scanning") : t("Scan")}</span>
      </button>`
      }
      ${isScanning.value && html`<${Camera} found=${found} />`}
      ${heard.value !== "" && html`<p class="notice">${heard.value}</p>`}
      <ul class="things">${things.map((task) => html`<${Thing} key=${task.commitment.id} task=${task} />`)}</ul>
    </main>
  `;
}

function Thing({ task }: { task: Task }): View {
  return html`<li>
    <p class="quiet">${stopWords(task.stop.stop, task.stop.order_id)}${task.commitment.order_id && ` · ${task.commitment.order_id}`}</p>
    <a href="#c-${task.commitment.id}">${itemsOf(task.commitment.items) ?? promised(task.commitment.promise)}</a>
    ${task.handoffs
      .filter((handoff) => handoff.asked === "held")
      .map((handoff) => {
        const entry = saidOf(handoff, task.entries);
        const isMissing = !handoff.received && (entry === undefined || entry.refused !== undefined);
        return html`<p class="both" key=${handoff.role}>
        ${standingOf(task, handoff)}
        ${entry && undoButton(entry)}
        ${isMissing && html`<button type="button" class="main" onClick=${() => receive(task, handoff, "batch")}>${icon("van")}<span>${heldWords(handoff.role)}</span></button>`}
      </p>`;
      })}
  </li>`;
}

/** Confirm the thing of which a code was read: by what it is, by its order, or by the promise itself. Says what came of it. */
async function scanned(code: string, things: Task[]): Promise<string> {
  const names = (task: Task): (string | null)[] => [
    task.commitment.id,
    task.commitment.order_id,
    ...(task.commitment.items ?? []).map((item) => item.sku),
  ];
  const meant = things.filter((task) => names(task).includes(code.trim()));
  const [task] = meant.filter((one) => needsKeeper(one, state.here.value));
  const handoff = task?.handoffs.find((one) => one.asked === "held" && !one.received);
  if (task === undefined || handoff === undefined) {
    return meant.length > 0
      ? t("%(code)s: is confirmed already", { code })
      : t("%(code)s: is not on your list", { code });
  }
  // That it was not saved is told where the lack of room is.
  return (await receive(task, handoff, "scan")) ? t("%(code)s: saved on this phone", { code }) : "";
}
