/** A form that is refused comes back with what was wrong with it, and is shown instead of what it was sent from. */
export function refusals(): void {
  document.addEventListener("htmx:beforeSwap", (event) => {
    const detail = (event as CustomEvent<{ xhr: XMLHttpRequest; shouldSwap: boolean; isError: boolean }>).detail;
    const { status } = detail.xhr;
    if (status !== 422 || !detail.xhr.getResponseHeader("Content-Type")?.startsWith("text/html")) return;
    detail.shouldSwap = true;
    detail.isError = false;
  });
}
