/** Messages to this browser, for who wants them; without them the page hears of everything as long as it is open. */
import { guarded, server, store } from "./actions";
import * as state from "./state";

export const canPush = (): boolean =>
  "PushManager" in globalThis && "Notification" in globalThis && "serviceWorker" in navigator;

/** The keeper wants to be told. False where the browser, or he in its dialog, does not let us. */
export async function subscribe(): Promise<boolean> {
  await guarded(() => store.remember("push_asked", Date.now()));
  return (await Notification.requestPermission()) === "granted" && (await listen());
}

/** Have the server know of this browser: at each start, since browsers change where they are reached. */
export async function listen(): Promise<boolean> {
  const who = state.me.value;
  if (who === null || !canPush() || Notification.permission !== "granted") return false;
  const { pushManager } = await navigator.serviceWorker.ready;
  const answer = await server.ask("GET", "/v1/push-key", who.actor);
  if (!answer.ok) return false;
  const { public_key } = (await answer.json()) as { public_key: string };
  const options = { userVisibleOnly: true, applicationServerKey: public_key };
  const subscription =
    (await pushManager.getSubscription()) ?? (await pushManager.subscribe(options).catch(() => null));
  if (subscription === null) return false;
  const path = `/v1/people/${who.actor}/push-subscriptions`;
  const told = await server.send(path, who.actor, null, subscription.toJSON());
  if (told.status === 201) await guarded(() => store.remember("push_endpoint", subscription.endpoint));
  return told.status === 201;
}

/** He does not want to be told any more, or somebody else uses the phone. */
export async function unsubscribe(): Promise<void> {
  const who = state.me.value;
  if (who === null || !canPush()) return;
  const subscription = await (await navigator.serviceWorker.ready).pushManager.getSubscription();
  await guarded(() => store.remember("push_endpoint", undefined));
  if (subscription === null) return;
  const endpoint = encodeURIComponent(subscription.endpoint);
  await server
    .ask("DELETE", `/v1/people/${who.actor}/push-subscriptions?endpoint=${endpoint}`, who.actor)
    .catch(() => undefined);
  await subscription.unsubscribe();
}

/** The keeper does not want to be asked for now. */
export const notNow = (): Promise<void> | undefined =>
  guarded(() => store.remember("push_asked", Date.now())) as Promise<void>;
