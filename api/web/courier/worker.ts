/**
 * The worker of the keeper's page: it opens the page without a network, sends what waits when the network is back, and
 * shows messages. It answers for the page and its files alone; what the server knows is in the store, and never cached.
 */
import { badge } from "./badge";
import { canUndo, UNDO_MS } from "./outbox";
import { Server } from "./server";
import { needsKeeper, tasksOf } from "./standing";
import { Store } from "./store";
import { Sync } from "./sync";

declare const self: ServiceWorkerGlobalScope;

const PAGE = "/courier";
const CACHE = `courier-${VERSION}`;
const KNOWN = new Set(FILES.map((file) => `${PAGE}/${file}`));

const store = new Store();
const sync = new Sync(store, new Server());

/** Where a browser can be told once where a file is, it opens the page without waking this worker (static routing). */
interface Routed {
  addRoutes?(routes: object[]): Promise<void>;
}

self.addEventListener("install", (event) => {
  const condition = { or: [PAGE, ...KNOWN].map((pathname) => ({ urlPattern: { pathname, search: "" } })) };
  void (event as Routed).addRoutes?.([{ condition, source: { cacheName: CACHE } }]);
  event.waitUntil(
    (async () => {
      const cache = await caches.open(CACHE);
      // The page may be older than this worker in some cache on the way; its files never are, their names say what they hold.
      const page = await fetch(new Request(PAGE, { cache: "reload" }));
      if (!page.ok) throw new Error(`the page answered ${page.status}`);
      const headers = new Headers(page.headers);
      // It is the same for everybody, however it is asked for.
      headers.delete("Vary");
      await cache.put(PAGE, new Response(page.body, { headers }));
      await cache.addAll([...KNOWN]);
    })(),
  );
});

self.addEventListener("activate", (event) => {
  event.waitUntil(
    (async () => {
      for (const name of await caches.keys())
        if (name.startsWith("courier-") && name !== CACHE) await caches.delete(name);
      await self.clients.claim();
    })(),
  );
});

self.addEventListener("fetch", (event) => {
  const { pathname, origin } = new URL(event.request.url);
  if (event.request.method !== "GET" || origin !== self.location.origin) return;
  if (event.request.mode === "navigate" ? pathname === PAGE : KNOWN.has(pathname))
    event.respondWith(answer(pathname, event.request));
});

async function answer(pathname: string, request: Request): Promise<Response> {
  const cache = await caches.open(CACHE);
  return (await cache.match(pathname)) ?? fetch(request);
}

self.addEventListener("message", (event) => {
  if (event.data === "take over") event.waitUntil(self.skipWaiting());
});

/** Background Sync, where the browser has it: the network is back, whether the page is open or not. */
self.addEventListener("sync" as "message", (event) => {
  event.waitUntil(
    (async () => {
      await undoable();
      // Who rejects is called again later.
      if ((await sync.run()) === "unreachable") throw new Error("not everything was sent");
      await count();
    })(),
  );
});

/** Until nothing of what was tapped can be undone any more, also where the page was closed meanwhile. */
async function undoable(): Promise<void> {
  const [now, me] = [Date.now(), await store.recall("me")];
  if (me === undefined) return;
  const held = (await store.entriesOf(me.actor))
    .filter((entry) => canUndo(entry, now))
    .map((entry) => entry.held_until - now);
  // The clock of a phone may be set back: nobody waits longer than a tap can be undone.
  if (held.length > 0) await new Promise((done) => setTimeout(done, Math.min(Math.max(...held), UNDO_MS)));
}

interface Pushed {
  id: string;
  title: string;
  body: string;
  url: string;
}

self.addEventListener("push", (event) => {
  const pushed = event.data?.json() as Pushed | undefined;
  if (pushed === undefined) return;
  event.waitUntil(
    (async () => {
      await self.registration.showNotification(pushed.title, {
        body: pushed.body,
        tag: pushed.id,
        icon: `${PAGE}/icon-192.png`,
        badge: `${PAGE}/icon-192.png`,
        lang: (await store.recall("me"))?.locale ?? "",
        data: new URL(pushed.url, self.location.origin).hash,
      });
      // Whatever it tells of arrives on the phone now, and that is said: it is not "I know".
      await sync.run();
      await count();
    })(),
  );
});

/** A message opens what it tells of, and confirms nothing. */
self.addEventListener("notificationclick", (event) => {
  event.notification.close();
  const hash = String(event.notification.data ?? "");
  event.waitUntil(
    (async () => {
      const [open] = await self.clients.matchAll({ type: "window" });
      if (open === undefined) {
        await self.clients.openWindow(`${PAGE}${hash}`);
        return;
      }
      open.postMessage({ open: hash });
      await open.focus();
    })(),
  );
});

async function count(): Promise<void> {
  const { remembered, day, entries } = await store.shown();
  const recipients = remembered.me?.recipients ?? [];
  const now = Date.now();
  await badge(tasksOf(day, recipients, entries, now).filter((task) => needsKeeper(task, now)).length);
}
