/** The camera on the page, for codes. */
import { useSignal } from "@preact/signals";
import { html } from "htm/preact";
import { useEffect, useRef } from "preact/hooks";
import { scan } from "../scanning";
import { t } from "../texts";
import type { View } from "./parts";

export function Camera({ found }: { found: (code: string) => void }): View {
  const video = useRef<HTMLVideoElement>(null);
  const fault = useSignal(false);
  const latest = useRef(found);
  latest.current = found;
  useEffect(() => {
    let stop: (() => void) | undefined;
    let isGone = false;
    scan(video.current as HTMLVideoElement, (code) => latest.current(code)).then(
      (stops) => {
        if (isGone) stops();
        stop = stops;
      },
      () => {
        fault.value = true;
      },
    );
    return () => {
      isGone = true;
      stop?.();
    };
  }, []);
  return fault.value
    ? html`<p class="alarm" role="alert">${t("The camera cannot be used. Type it instead.")}</p>`
    : html`<video ref=${video} playsinline muted aria-label=${t("What the camera sees")}></video>`;
}
