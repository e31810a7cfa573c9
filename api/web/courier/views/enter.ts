/** Whose phone it is: in open mode a choice, else a code from the office that pairs the phone. */
import { useSignal } from "@preact/signals";
import { html } from "htm/preact";
import { useEffect, useRef } from "preact/hooks";
import { enter, server } from "../actions";
import { codeIn } from "../codes";
import { canScan } from "../scanning";
import { Stranger, Unreachable } from "../server";
import { t, tn } from "../texts";
import { Camera } from "./camera";
import { language } from "./more";
import { actorWords, icon, type View } from "./parts";
import { strip } from "./strip";

type Keepers = Awaited<ReturnType<typeof server.keepers>>;

export function Enter(): View {
  const keepers = useSignal<Keepers | "paired" | "unreachable" | null>(null);
  const fault = useSignal("");
  // As where the code was scanned by the camera of the phone itself.
  const brought = useRef(codeIn(/^#pair=(.+)$/.exec(location.hash)?.[1] ?? ""));
  const look = async (): Promise<void> => {
    try {
      keepers.value = brought.current === "" ? await server.keepers() : "paired";
    } catch (error) {
      if (error instanceof Stranger) await lookWhoIsSignedIn();
      else if (error instanceof Unreachable) keepers.value = "unreachable";
      else throw error;
    }
  };
  const lookWhoIsSignedIn = async (): Promise<void> => {
    try {
      await enter(null);
    } catch (error) {
      if (!(error instanceof Stranger || error instanceof Unreachable)) throw error;
      keepers.value = error instanceof Stranger ? "paired" : "unreachable";
    }
  };
  useEffect(() => void look(), []);
  const told = useRef<HTMLElement>(null);
  useEffect(() => told.current?.scrollIntoView({ block: "nearest" }), [fault.value]);
  const begin = async (actor: string): Promise<void> => {
    fault.value = "";
    try {
      await enter(actor);
    } catch (error) {
      if (error instanceof Stranger) fault.value = t("Nobody of that name is known. Write it as courier:li.");
      else if (error instanceof Unreachable) fault.value = t("The server cannot be reached.");
      else throw error;
    }
  };
  return html`<header class="top"><h1 tabindex="-1">Upheld</h1></header>
    <main>
      ${strip()} ${language()}
      ${fault.value !== "" && html`<p class="notice alarm" role="alert" ref=${told}>${fault.value}</p>`}
      ${keepers.value === null && html`<p class="quiet">${t("One moment …")}</p>`}
      ${
        keepers.value === "unreachable" &&
        html`<p>${t("The first time this page needs a network.")}</p>
        <button type="button" onClick=${look}>${t("Try again")}</button>`
      }
      ${keepers.value === "paired" && html`<${Pairing} brought=${brought.current} paired=${begin} fault=${fault} />`}
      ${Array.isArray(keepers.value) && html`<${Choice} keepers=${keepers.value} chosen=${begin} />`}
    </main>`;
}

function Choice({ keepers, chosen }: { keepers: Keepers; chosen: (actor: string) => void }): View {
  const named = useSignal("");
  const go = (event: Event): void => {
    event.preventDefault();
    if (named.value.trim() !== "") chosen(named.value.trim());
  };
  return html`<h2>${t("Who are you?")}</h2>
    <div class="choices">
      ${keepers.map(
        (one) => html`<button type="button" key=${one.actor} onClick=${() => chosen(one.actor)}>
          <span>${one.name ?? actorWords(one.actor)} <span class="quiet">${tn("%(count)s task", "%(count)s tasks", one.tasks)}</span></span>
        </button>`,
      )}
    </div>
    <form onSubmit=${go}>
      <label for="who">${t("Somebody else, as in courier:li")}</label>
      <input id="who" autocapitalize="none" autocomplete="username" spellcheck="false" value=${named} onInput=${(event: InputEvent) => (named.value = (event.target as HTMLInputElement).value)} />
      <button>${t("Go on")}</button>
    </form>
    <p class="quiet">${t("This server is open: whoever can reach it can be anybody.")}</p>`;
}

/** The phone proves itself by a code that the office shows, typed or scanned; the server answers with a session. */
function Pairing(props: { brought: string; paired: (actor: string) => void; fault: { value: string } }): View {
  const { brought, paired, fault } = props;
  const [code, isScanning] = [useSignal(brought), useSignal(false)];
  const redeem = async (given: string): Promise<void> => {
    isScanning.value = false;
    fault.value = "";
    try {
      const answer = await server.send("/v1/pairings", null, null, { code: codeIn(given) });
      const { actor } = (answer.body ?? {}) as { actor?: string };
      if (answer.status === 201 && actor !== undefined) {
        if (brought !== "") location.hash = "";
        paired(actor);
      } else
        fault.value =
          answer.status === 429
            ? t("Too many attempts. Wait a minute.")
            : t("This code is not good, or not any more. Ask for a new one.");
    } catch (error) {
      if (!(error instanceof Unreachable)) throw error;
      fault.value = t("The server cannot be reached.");
    }
  };
  const go = (event: Event): void => {
    event.preventDefault();
    void redeem(code.value);
  };
  return html`<h2>${t("Pair this phone")}</h2>
    <p>${t("The office shows you a code. It is good for ten minutes, once.")}</p>
    <form onSubmit=${go}>
      <label for="code">${t("Code")}</label>
      <input id="code" class="code" autocapitalize="characters" autocomplete="one-time-code" spellcheck="false" maxlength="12" value=${code} onInput=${(event: InputEvent) => (code.value = (event.target as HTMLInputElement).value)} />
      <button class="main">${t("Pair this phone")}</button>
    </form>
    ${canScan() && html`<button type="button" onClick=${() => (isScanning.value = !isScanning.value)}>${icon("scan")}<span>${t("Scan")}</span></button>`}
    ${isScanning.value && html`<${Camera} found=${redeem} />`}`;
}
