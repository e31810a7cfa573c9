/** The keeper's task view on a phone. */
import { computed, effect } from "@preact/signals";
import { html } from "htm/preact";
import { render } from "preact";
import { useEffect } from "preact/hooks";
import { bringUpToDate, refresh, server } from "./actions";
import { badge } from "./badge";
import { recallChoices } from "./choices";
import { Live } from "./live";
import { hasMoved, place } from "./places";
import { listen } from "./push";
import * as state from "./state";
import { lookAfterStorage } from "./storage";
import { t } from "./texts";
import { settling } from "./thumbs";
import { DoneList } from "./views/done";
import { Enter } from "./views/enter";
import { Loading } from "./views/loading";
import { More } from "./views/more";
import type { View } from "./views/parts";
import { Promised } from "./views/promise";
import { Today } from "./views/today";

/** Where the list stood, so that who comes back finds his place. */
let scrolled = 0;

function App(): View {
  useEffect(arrived, [place.value, state.me.value === null]);
  return html`${page()}<p class="hidden" role="status">${state.spoken.value}</p>`;
}

function page(): View {
  if (!state.isRead.value) return html``;
  if (state.me.value === null) return html`<${Enter} />`;
  const [, name = "", form] = /^#([^/]*)\/?(.*)$/.exec(place.value) ?? [];
  if (name.startsWith("c-")) return html`<${Promised} key=${name} id=${name.slice(2)} form=${form || undefined} />`;
  if (name === "loading") return html`<${Loading} />`;
  if (name === "done") return html`<${DoneList} />`;
  return name === "more" ? html`<${More} />` : html`<${Today} />`;
}

/** Whoever reads with a screen reader or a keyboard begins at the heading of where he is now. */
function arrived(): void {
  const heading = document.querySelector("h1");
  document.title = `${heading?.textContent ?? t("Today")} – Upheld`;
  const isToday = place.value.length < 2;
  scrollTo(0, isToday ? scrolled : 0);
  if (heading === null || !hasMoved.value) return;
  heading.tabIndex = -1;
  heading.focus({ preventScroll: true });
}

const live = new Live(
  () => void bringUpToDate(),
  () => state.actor.value,
);

function isBack(): void {
  const wasOnline = state.isOnline.value;
  state.isOnline.value = navigator.onLine;
  if (!wasOnline && navigator.onLine) server.hangUp();
  if (document.visibilityState === "visible" && navigator.onLine) {
    live.restart();
    void bringUpToDate();
    void lookForNewer();
  } else if (!navigator.onLine) live.stop();
}

const HIDDEN_STOPS_MS = 30_000;
let hiding: ReturnType<typeof setTimeout> | undefined;

function visible(): void {
  clearTimeout(hiding);
  if (document.visibilityState === "visible") isBack();
  else hiding = setTimeout(() => live.stop(), HIDDEN_STOPS_MS);
}

/** A page on the home screen may be open for weeks: the browser itself looks for a newer one only where it is opened anew. */
async function lookForNewer(): Promise<void> {
  const registration = await navigator.serviceWorker?.getRegistration("/courier");
  // Without a network there is none, and the next time will do.
  await registration?.update().catch(() => undefined);
}

async function work(): Promise<void> {
  if (!("serviceWorker" in navigator)) return;
  let hadOne = navigator.serviceWorker.controller !== null;
  navigator.serviceWorker.addEventListener("controllerchange", () => {
    // The first worker takes over the page that installed it; a later one brings another page with it.
    if (hadOne && navigator.serviceWorker.controller !== null) location.reload();
    hadOne = true;
  });
  navigator.serviceWorker.addEventListener("message", ({ data }: MessageEvent<{ open?: string }>) => {
    if (data.open !== undefined) location.hash = data.open;
  });
  const registration = await registered("worker.js", "module")
    .catch(() => registered("worker-classic.js", "classic"))
    .catch((error: unknown) => {
      // Some browsers allow none: the page does its work all the same, as long as there is a network.
      console.error(error);
      return null;
    });
  if (registration === null) return;
  const look = (): void => {
    state.newer.value = navigator.serviceWorker.controller ? registration.waiting : null;
  };
  registration.addEventListener("updatefound", () => registration.installing?.addEventListener("statechange", look));
  look();
}

const registered = (name: string, type: WorkerType): Promise<ServiceWorkerRegistration> =>
  navigator.serviceWorker.register(`/courier/${name}`, { scope: "/courier", type });

function beat(): void {
  const now = Date.now();
  const isUndoing = (settling.value?.until ?? 0) > state.here.value;
  if (isUndoing || now - state.here.value >= QUIET_BEAT_MS) state.tick();
}
const QUIET_BEAT_MS = 15_000;
const SEND_AGAIN_MS = 30_000;

async function start(): Promise<void> {
  addEventListener("hashchange", () => {
    if (place.value.length < 2) scrolled = scrollY;
    hasMoved.value = true;
    place.value = location.hash;
  });
  addEventListener("online", isBack);
  addEventListener("offline", isBack);
  document.addEventListener("visibilitychange", visible);
  if (!isSecureContext) state.trouble.value = "insecure";
  await refresh();
  await recallChoices();
  const root = document.getElementById("app") as HTMLElement;
  root.replaceChildren();
  render(html`<${App} />`, root);
  // Whoever opens the page sees his day, and can tap, before anything else is done.
  if ("requestIdleCallback" in globalThis) requestIdleCallback(goOn, { timeout: LONGEST_PAUSE_MS });
  else setTimeout(goOn, LONGEST_PAUSE_MS);
}
const LONGEST_PAUSE_MS = 500;

/** All that needs the network, or the browser's own time. */
async function goOn(): Promise<void> {
  void lookAfterStorage();
  state.lookForZone();
  const count = computed(() => state.needing.value.length);
  effect(() => void badge(count.value));
  setInterval(beat, 1000);
  setInterval(() => {
    if (state.unsent.value.length > 0) void bringUpToDate();
  }, SEND_AGAIN_MS);
  state.actor.subscribe((actor) => {
    if (actor === undefined) live.stop();
    else live.restart({ anew: true });
  });
  void bringUpToDate();
  await work();
  await listen().catch(() => false);
}

void start();
