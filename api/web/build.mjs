/**
 * Bundles what browsers are given into `api/web/built`, and with `--tests` the tests of it into `.cache/web-tests`.
 *
 * A file whose name holds a hash never changes; `files.json` says how they are called, and the worker carries the list.
 */

import { createHash } from "node:crypto";
import { copyFile, mkdir, readdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { brotliCompressSync, constants, gzipSync } from "node:zlib";
import { build } from "esbuild";
import gettext from "gettext-parser";

const here = dirname(fileURLToPath(import.meta.url));
const root = join(here, "..", "..");
const courier = join(here, "courier");
const built = join(here, "built");
const STATIC = ["icon.svg", "icon-192.png", "icon-512.png", "manifest.webmanifest"];

/** The catalogues, in the order of `LOCALES` in texts.ts. */
const CATALOGUES = ["zh_CN", "bg"].map((name) => join(root, "api", "locales", `${name}.po`));

/** A short name of a text: who asks for it has the English already, and need not load it twice. */
function nameOf(text) {
  let hash = 0;
  for (const letter of text) hash = (Math.imul(hash, 31) + letter.codePointAt(0)) >>> 0;
  return (hash % 36 ** 4).toString(36);
}

/** What the source asks for, by its short name, in all languages; and the function that makes that name. */
const catalogues = {
  name: "catalogues",
  setup(bundler) {
    bundler.onResolve({ filter: /^catalogues$/ }, ({ path }) => ({ path, namespace: "catalogues" }));
    bundler.onLoad({ filter: /./, namespace: "catalogues" }, async () => {
      const asked = [...(await askedFor())].sort();
      const parsed = await Promise.all(CATALOGUES.map(async (path) => gettext.po.parse(await readFile(path))));
      const formsOf = (text) => parsed.map(({ translations }) => translations[""][text]?.msgstr ?? []);
      const words = Object.fromEntries(asked.map((text) => [nameOf(text), formsOf(text)]));
      if (Object.keys(words).length < asked.length) throw new Error("two texts have the same short name: reword one");
      return { contents: `export const words = ${JSON.stringify(words)};\nexport ${nameOf}`, loader: "js" };
    });
  },
};

/** The English words in the source: whatever `t` and `tn` are called with. */
export async function askedFor() {
  const files = (await readdir(courier, { recursive: true })).filter((file) => file.endsWith(".ts"));
  const sources = await Promise.all(files.map((file) => readFile(join(courier, file), "utf8")));
  const literals = sources.flatMap((source) => [
    ...source.matchAll(/\bmsg\(\s*("(?:[^"\\]|\\.)*")|\btn?\(\s*("(?:[^"\\]|\\.)*")/g),
  ]);
  return new Set(literals.map(([, message, called]) => JSON.parse(message ?? called)));
}

/** Which version this is: the same sources are the same version. */
async function version() {
  const digest = createHash("sha256");
  const paths = (await readdir(courier, { recursive: true, withFileTypes: true })).filter((entry) => entry.isFile());
  const sources = paths.map((entry) => join(entry.parentPath ?? entry.path, entry.name)).sort();
  for (const path of [
    ...sources,
    ...CATALOGUES,
    fileURLToPath(import.meta.url),
    join(here, "tokens.css"),
    join(here, "common.css"),
    join(root, "api", "templates", "courier.html"),
    join(root, "package-lock.json"),
  ]) {
    digest.update(await readFile(path));
  }
  return digest.digest("hex").slice(0, 8);
}

const common = {
  define: { VERSION: JSON.stringify(await version()) },
  bundle: true,
  minify: true,
  charset: "utf8",
  target: ["chrome91", "firefox100", "safari15.4"],
  plugins: [catalogues],
  legalComments: "none",
  logLevel: "warning",
};

/** Bundle what a page names, under names that hold their hash; answers them by the names of the entries. */
async function bundle(entryPoints, options = {}) {
  const { metafile } = await build({
    ...common,
    entryPoints,
    outdir: built,
    entryNames: "[name]-[hash]",
    chunkNames: "[name]-[hash]",
    format: "esm",
    metafile: true,
    ...options,
  });
  const files = Object.keys(metafile.outputs).map((path) => basename(path));
  const named = (entry) => files.find((file) => file.startsWith(`${entry}-`));
  return { files, names: Object.fromEntries(Object.keys(entryPoints).map((entry) => [entry, named(entry)])) };
}

async function buildAll() {
  await rm(built, { recursive: true, force: true });
  await mkdir(built, { recursive: true });
  const worker = join(courier, "worker.ts");
  // The page and its worker share most of what they do: it travels once.
  const phone = await bundle(
    { app: join(courier, "app.ts"), style: join(courier, "style.css"), worker },
    { splitting: true },
  );
  const office = await bundle({ pages: join(here, "pages", "app.ts"), pages_style: join(here, "pages", "style.css") });
  for (const name of STATIC) await copyFile(join(courier, name), join(built, name));
  const { app, style } = phone.names;
  const kept = [...phone.files.filter((file) => file !== phone.names.worker), ...STATIC];
  await rename(join(built, phone.names.worker), join(built, "worker.js"));
  // For browsers that know no modules in workers.
  await build({ ...common, entryPoints: [worker], outfile: join(built, "worker-classic.js"), format: "iife" });
  for (const name of ["worker.js", "worker-classic.js"]) {
    const code = await readFile(join(built, name), "utf8");
    await writeFile(join(built, name), `const FILES=${JSON.stringify(kept)};${code}`);
  }
  await compress();
  const [shared] = phone.files.filter((file) => file.startsWith("chunk-"));
  const { pages, pages_style } = office.names;
  await writeFile(
    join(built, "files.json"),
    JSON.stringify({ script: app, shared, style, pages_script: pages, pages_style }),
  );
}

const AS_TEXT = { params: { [constants.BROTLI_PARAM_MODE]: constants.BROTLI_MODE_TEXT } };

/** Compressed once, as well as can be, and not for each who asks. */
async function compress() {
  for (const name of await readdir(built)) {
    if (!/\.(js|css|svg|webmanifest)$/.test(name)) continue;
    const content = await readFile(join(built, name));
    await writeFile(join(built, `${name}.br`), brotliCompressSync(content, AS_TEXT));
    await writeFile(join(built, `${name}.gz`), gzipSync(content, { level: 9 }));
  }
}

async function buildTests() {
  const folder = join(root, "tests", "web");
  const tests = (await readdir(folder)).filter((file) => file.endsWith(".test.ts"));
  await build({
    ...common,
    minify: false,
    entryPoints: tests.map((file) => join(folder, file)),
    outdir: join(root, ".cache", "web-tests"),
    outExtension: { ".js": ".mjs" },
    format: "esm",
    platform: "node",
    target: "node20",
  });
}

await (process.argv.includes("--tests") ? buildTests() : buildAll());
