// Fails the build when what a first visit loads grows past its budget. Sizes are gzip, as the wire would carry them.
import { readFileSync } from "node:fs";
import { gzipSync } from "node:zlib";

const BUDGET_KB = { entry: 160, everything: 300 };
const page = readFileSync("dist/index.html", "utf8");
const manifest = JSON.parse(readFileSync("dist/.vite/manifest.json", "utf8"));

const kb = (file) => gzipSync(readFileSync(`dist/${file}`)).length / 1000;
const isCode = (file) => /\.(js|css)$/.test(file);
const first = [...page.matchAll(/(?:src|href)="\/(assets\/[^"]+)"/g)].map((match) => match[1]).filter(isCode);
const all = [...new Set(Object.values(manifest).flatMap((chunk) => [chunk.file, ...(chunk.css ?? [])]))].filter(isCode);

let failed = false;
for (const [name, files] of Object.entries({ entry: first, everything: all })) {
  const size = files.reduce((sum, file) => sum + kb(file), 0);
  console.log(`${name}: ${size.toFixed(1)} kB gzip of ${BUDGET_KB[name]} kB`);
  failed ||= size > BUDGET_KB[name];
}
if (process.env.SIZES) for (const file of all) console.log(`  ${kb(file).toFixed(1).padStart(7)} kB  ${file}`);
if (failed) {
  console.error("Over budget. SIZES=1 npm run build lists the chunks.");
  process.exitCode = 1;
}
