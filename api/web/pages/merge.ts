/**
 * Merges what a page asks for anew into what it shows (`hx-swap="merge" hx-ext="merge"`): only what has changed is
 * touched, so that the focus, the open parts and what is typed stay.
 *
 * Elements are the same where their ids are, else where their places and names are. What was opened stays open; a part
 * marked `data-lazy` was asked for by itself, and one marked `data-keep` tells what was done here: both stay. An element
 * marked `data-scope` that is gone while the focus is in it waits, marked `data-gone`, until the focus has left; what is
 * being sent from any is waited for.
 */
import htmx from "htmx.org";

/** What the reader changes and the server does not know. */
const OWN = new Set(["open", "value", "checked"]);

export function merging(): void {
  const extension = {
    isInlineSwap: (style: string) => style === "merge",
    handleSwap: (style: string, target: Node, fragment: Node) => {
      if (style !== "merge" || !(target instanceof HTMLElement)) return false;
      const focused = document.activeElement;
      const added: Element[] = [];
      children(target, fragmentOf(target, fragment), added);
      if (focused instanceof HTMLElement && focused.isConnected && focused !== document.activeElement)
        focused.focus({ preventScroll: true });
      return added;
    },
  };
  htmx.defineExtension("merge", extension as unknown as Parameters<typeof htmx.defineExtension>[1]);
}

/** What is to stand in the target: the new one of the same id may have come itself. */
function fragmentOf(target: HTMLElement, fragment: Node): ParentNode & Node {
  const parent = fragment as ParentNode & Node;
  const first = parent.firstElementChild;
  return first !== null && first.id !== "" && first.id === target.id ? first : parent;
}

function children(old: Element, next: ParentNode & Node, added: Element[]): void {
  const left = [...old.childNodes].filter((node) => !(node instanceof Element && node.hasAttribute("data-keep")));
  const named = new Map(left.flatMap((node) => (node instanceof Element && node.id ? [[node.id, node] as const] : [])));
  let place: ChildNode | null = left[0] ?? null;
  const used = new Set<ChildNode>();
  for (const node of [...next.childNodes]) {
    const found = partner(node, place, named, used);
    if (found === undefined) {
      old.insertBefore(node, place);
      if (node instanceof Element) added.push(node);
      continue;
    }
    used.add(found);
    if (found === place) place = following(left, place, used);
    else old.insertBefore(found, place);
    one(found, node, added);
  }
  for (const node of left) if (!used.has(node)) gone(node);
}

function following(left: ChildNode[], place: ChildNode, used: Set<ChildNode>): ChildNode | null {
  return left.slice(left.indexOf(place) + 1).find((node) => !used.has(node)) ?? null;
}

/** The element or text that stands for this one already. */
function partner(
  node: Node,
  place: ChildNode | null,
  named: Map<string, Element>,
  used: Set<ChildNode>,
): ChildNode | undefined {
  if (node instanceof Element && node.id) {
    const found = named.get(node.id);
    return found !== undefined && found.nodeName === node.nodeName && !used.has(found) ? found : undefined;
  }
  if (place === null || used.has(place) || place.nodeName !== node.nodeName) return undefined;
  return place instanceof Element && place.id ? undefined : place;
}

function one(old: ChildNode, next: Node, added: Element[]): void {
  if (!(old instanceof Element) || !(next instanceof Element)) {
    if (old.nodeValue !== next.nodeValue) old.nodeValue = next.nodeValue;
    return;
  }
  for (const { name, value } of [...next.attributes])
    if (!OWN.has(name) && old.getAttribute(name) !== value) old.setAttribute(name, value);
  for (const { name } of [...old.attributes])
    if (!OWN.has(name) && !next.hasAttribute(name) && !isOfHtmx(name, old)) old.removeAttribute(name);
  if (!old.hasAttribute("data-lazy")) children(old, next, added);
}

/** htmx marks what it is at work on. */
const isOfHtmx = (name: string, element: Element): boolean => name === "class" && /\bhtmx-/.test(element.className);

function gone(node: ChildNode): void {
  // What was sent from it has not been answered yet, and the answer is to be seen.
  if (node instanceof HTMLElement && node.querySelector(".htmx-request") !== null) return;
  if (!(node instanceof HTMLElement && node.hasAttribute("data-scope") && node.contains(document.activeElement))) {
    node.remove();
    return;
  }
  node.setAttribute("data-gone", "");
  node.addEventListener("focusout", ({ relatedTarget }) => {
    if (!(relatedTarget instanceof Node && node.contains(relatedTarget))) node.remove();
  });
}
