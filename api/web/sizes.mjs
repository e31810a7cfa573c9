/**
 * What a first visit loads as it travels, after a build: each file that the page names or its worker keeps.
 *
 * Ends with 1 above the limits. They are for brotli, which every browser takes that may have a worker; gzip is for
 * comparison. KB are 1000 bytes.
 */

import { readdir, readFile, stat } from "node:fs/promises";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { brotliCompressSync, gzipSync } from "node:zlib";

const here = dirname(fileURLToPath(import.meta.url));
const built = join(here, "built");
const MOST = { all: 60_000, JavaScript: 40_000 };

const kindOf = (name) => (name.endsWith(".js") ? "JavaScript" : name.endsWith(".css") ? "style" : "icons and manifest");

/** As `build.mjs` has compressed it; what it has not, travels as it is. */
async function travels(name, suffix) {
  const { size } = await stat(join(built, `${name}${suffix}`)).catch(() => stat(join(built, name)));
  return size;
}

async function files() {
  const { pages_script, pages_style } = JSON.parse(await readFile(join(built, "files.json"), "utf8"));
  // A browser loads one of the two workers: the classic one where it knows no modules in workers.
  const others = [pages_script, pages_style, "worker-classic.js"];
  const names = (await readdir(built)).filter((name) => !/\.(br|gz|json)$/.test(name) && !others.includes(name));
  return Promise.all(
    names.map(async (name) => ({
      name,
      kind: kindOf(name),
      brotli: await travels(name, ".br"),
      gzip: await travels(name, ".gz"),
    })),
  );
}

/** The page itself comes from the server, as it is; a proxy in front may compress it. It comes twice: the worker asks as well. */
async function page() {
  const content = await readFile(join(here, "..", "templates", "courier.html"));
  const [brotli, gzip] = [brotliCompressSync(content).length, gzipSync(content).length];
  console.log(`The page would travel as ${brotli} bytes in brotli, ${gzip} in gzip; it is counted as it is, twice.`);
  return { name: "courier.html, twice", kind: "page", brotli: 2 * content.length, gzip: 2 * content.length };
}

const rows = [await page(), ...(await files())].sort((a, b) => b.brotli - a.brotli);
const sum = (of, compression) => of.reduce((total, row) => total + row[compression], 0);
const scripts = rows.filter(({ kind }) => kind === "JavaScript");
const totals = [
  { name: "JavaScript", kind: `≤ ${MOST.JavaScript}`, brotli: sum(scripts, "brotli"), gzip: sum(scripts, "gzip") },
  { name: "all", kind: `≤ ${MOST.all}`, brotli: sum(rows, "brotli"), gzip: sum(rows, "gzip") },
];
const line = ({ name, kind, brotli, gzip }) =>
  `${name.padEnd(24)} ${kind.padEnd(20)} ${String(brotli).padStart(8)} ${String(gzip).padStart(8)}`;
console.log(line({ name: "file", kind: "", brotli: "brotli", gzip: "gzip" }));
for (const row of [...rows, ...totals]) console.log(line(row));
for (const { name, brotli } of totals) {
  if (brotli <= MOST[name]) continue;
  console.error(`A first visit loads ${brotli} bytes of ${name}; ${MOST[name]} is the most.`);
  process.exitCode = 1;
}
