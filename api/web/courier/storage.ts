/** Looks after the storage of this phone: that it stays, and that the keeper is told where it did not. */
import { kept } from "./kept";
import * as state from "./state";

/** Kept apart from what it tells of, so that it outlives it: somebody uses this phone, so something must be there. */
const MARK = "upheld-courier-in-use";

/** To be called once what is remembered was read. */
export async function lookAfterStorage(): Promise<void> {
  if (state.me.value === null && kept?.getItem(MARK) && state.trouble.value === null) state.trouble.value = "lost";
  state.isPersistent.value = (await navigator.storage?.persisted?.()) ?? null;
  state.actor.subscribe((actor) => {
    if (actor === undefined) return;
    kept?.setItem(MARK, actor);
    void persist();
  });
}

/** Somebody has left on purpose: that there is nothing any more is no loss. */
export const nothingIsMissing = (): void => kept?.removeItem(MARK);

async function persist(): Promise<void> {
  if (state.isPersistent.value === false) state.isPersistent.value = await navigator.storage.persist();
}
