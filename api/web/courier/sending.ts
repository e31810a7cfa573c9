/** Sends what waits in the outbox: from the page, from another tab or from the worker, but from one of them at a time. */
import type { Me } from "./model";
import { type Answer, bodyOf, type Entry, next, settle, settlePhoto } from "./outbox";
import type { Server } from "./server";
import type { Store } from "./store";

export type Sent = "all" | "later" | "stranger";

/** What sending needs of them. */
type Outbox = Pick<Store, "recall" | "entriesOf" | "fix" | "settle">;
type Asked = Pick<Server, "send" | "skew">;

/** Send what can be sent; "later" where something is left that must be tried again. */
export async function send(store: Outbox, server: Asked): Promise<Sent> {
  const alone = async (): Promise<Sent> => {
    const me = await store.recall("me");
    server.skew ??= (await store.recall("skew")) ?? null;
    for (;;) {
      if (me === undefined) return "all";
      const batch = next(await store.entriesOf(me.actor), Date.now());
      if (batch.length === 0) return "all";
      const done = await sendBatch(store, server, me, batch);
      if (done !== "all") return done;
    }
  };
  // Without locks two might send the same at once: the key makes one event of it all the same.
  return "locks" in navigator ? navigator.locks.request("upheld-outbox", alone) : alone();
}

async function sendBatch(store: Outbox, server: Asked, me: Me, batch: Entry[]): Promise<Sent> {
  const fixed: Entry[] = [];
  for (const entry of batch) {
    const shown = await withPhoto(store, server, entry);
    if (typeof shown === "string") return shown;
    fixed.push({ ...shown, body: shown.body ?? bodyOf(shown, Date.now(), server.skew) });
  }
  const sending = await store.fix(fixed);
  const [first] = sending;
  if (first === undefined) return "all";
  const { answers, position } =
    first.said.command === "receipts" ? await receipts(server, sending) : await command(server, first);
  const results = sending.map((entry, number) => ({ entry, settled: settle(entry, answers[number] ?? NO_ANSWER) }));
  await store.settle(results, position, me, Date.now());
  if (results.some(({ settled }) => settled.what === "stranger")) return "stranger";
  return results.some(({ settled }) => settled.what === "later") ? "later" : "all";
}

const NO_ANSWER: Answer = { status: 0, body: null };

interface Answers {
  answers: Answer[];
  position: number;
}

async function receipts(server: Asked, entries: Entry[]): Promise<Answers> {
  const items = entries.map(({ commitment_id, key, body }) => ({ commitment_id, idempotency_key: key, ...body }));
  const answer = await server.send("/v1/receipts", (entries[0] as Entry).actor, null, { receipts: items });
  const results = (answer.body as { results?: unknown } | null)?.results;
  if (answer.status === 200)
    return { answers: Array.isArray(results) ? (results as Answer[]) : [], position: answer.position };
  // What is said of the batch as a whole is said of each.
  return { answers: entries.map(() => answer), position: answer.position };
}

async function command(server: Asked, entry: Entry): Promise<Answers> {
  const path = `/v1/commitments/${entry.commitment_id}/${entry.said.command}`;
  const answer = await server.send(path, entry.actor, entry.key, entry.body);
  return { answers: [answer], position: answer.position };
}

/** An entry whose photo is with the server. A photo that the server will not have keeps its entry here, with the reason. */
async function withPhoto(store: Outbox, server: Asked, entry: Entry): Promise<Entry | Sent> {
  if (entry.photo === undefined || entry.body !== undefined) return entry;
  const form = new FormData();
  form.append("photo", entry.photo, "photo.jpg");
  const answer = await server.send("/v1/evidence", entry.actor, `${entry.key}-photo`, form);
  const settled = settlePhoto(answer);
  if (settled.what === "stranger" || settled.what === "later") return settled.what;
  if (settled.what === "refused") {
    await store.fix([{ ...entry, refused: settled.problem }]);
    return "all";
  }
  const { photo: _, ...rest } = entry;
  const shown = { ...rest, evidence: settled.id };
  await store.fix([shown]);
  return shown;
}
