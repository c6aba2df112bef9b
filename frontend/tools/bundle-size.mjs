// Fails the build when what a first visit loads grows past its budget. Sizes are gzip, as the wire would carry them.
import { readFileSync } from "node:fs";
import { gzipSync } from "node:zlib";

const BUDGET_KB = { entry: 160, shell: 300, everything: 400 };
const page = readFileSync("dist/index.html", "utf8");
const manifest = JSON.parse(readFileSync("dist/.vite/manifest.json", "utf8"));

const kb = (file) => gzipSync(readFileSync(`dist/${file}`)).length / 1000;
const isCode = (file) => /\.(js|css)$/.test(file);
const first = [...page.matchAll(/(?:src|href)="\/(assets\/[^"]+)"/g)].map((match) => match[1]).filter(isCode);
const all = [...new Set(Object.values(manifest).flatMap((chunk) => [chunk.file, ...(chunk.css ?? [])]))].filter(isCode);

/** Everything that comes before a signed-in user sees the frame of the app: the entry, the shell, and what they import at once. */
function reach(name, found = new Set()) {
  const chunk = manifest[name];
  if (!chunk || found.has(name)) return found;
  found.add(name);
  for (const next of chunk.imports ?? []) reach(next, found);
  return found;
}
const names = [...reach("index.html"), ...reach("src/app/Shell.tsx")];
const shell = [...new Set(names.flatMap((name) => [manifest[name].file, ...(manifest[name].css ?? [])]))].filter(isCode);

let failed = names.some((name) => /chart|Workspace|Chain/i.test(name));
if (failed) console.error(`The first load has the chart's code or another page's: ${names}`);
for (const [name, files] of Object.entries({ entry: first, shell, everything: all })) {
  const size = files.reduce((sum, file) => sum + kb(file), 0);
  console.log(`${name}: ${size.toFixed(1)} kB gzip of ${BUDGET_KB[name]} kB`);
  failed ||= size > BUDGET_KB[name];
}
if (process.env.SIZES) for (const file of all) console.log(`  ${kb(file).toFixed(1).padStart(7)} kB  ${file}`);
if (failed) {
  console.error("Over budget. SIZES=1 npm run build lists the chunks.");
  process.exitCode = 1;
}
