// Appends single events to streams in process, as its own documentation does it.
// Reads lines of JSON, {"in_flight": 16, "seconds": 3}, and answers each with a line, {"events": 6750, "seconds": 3.001}.
import { createInterface } from "node:readline";
import { randomUUID } from "node:crypto";
import { getPostgreSQLEventStore } from "@event-driven-io/emmett-postgresql";

const store = getPostgreSQLEventStore(process.argv[2]);
const contacted = {
  type: "CustomerContacted",
  data: { channel: "phone", direction: "inbound", note: "Where is it?", minutes: 4, actor: "agent:ling" },
};

async function measured({ in_flight, seconds }) {
  const began = performance.now();
  const until = began + seconds * 1000;
  let events = 0;
  async function oneAfterAnother() {
    const stream = `commitment-${randomUUID()}`;
    for (let version = 0n; performance.now() < until; version++) {
      const options = version === 0n ? undefined : { expectedStreamVersion: version };
      await store.appendToStream(stream, [contacted], options);
      events++;
    }
  }
  await Promise.all(Array.from({ length: in_flight }, oneAfterAnother));
  return { events, seconds: (performance.now() - began) / 1000 };
}

for await (const line of createInterface({ input: process.stdin })) {
  console.log(JSON.stringify(await measured(JSON.parse(line))));
}
await store.close();
