// Generates the client into a scratch folder and compares it with the committed one.
import { execFileSync } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, relative } from "node:path";

const committed = "src/api/generated";
const fresh = mkdtempSync(join(tmpdir(), "breezeway-generated-"));

function files(folder) {
  return readdirSync(folder)
    .flatMap((name) => {
      const path = join(folder, name);
      return statSync(path).isDirectory() ? files(path) : [path];
    })
    .sort();
}

function contents(folder) {
  return new Map(files(folder).map((path) => [relative(folder, path), readFileSync(path, "utf8")]));
}

try {
  execFileSync(process.execPath, ["node_modules/@hey-api/openapi-ts/bin/run.js"], {
    env: { ...process.env, GENERATED_TO: fresh },
    stdio: ["ignore", "ignore", "inherit"],
  });
  const [ours, theirs] = [contents(committed), contents(fresh)];
  const stale = [...new Set([...ours.keys(), ...theirs.keys()])].filter((name) => ours.get(name) !== theirs.get(name));
  if (stale.length > 0) {
    console.error(`Not what openapi.json gives: ${stale.join(", ")}\nRun: npm run generate`);
    process.exitCode = 1;
  }
} finally {
  rmSync(fresh, { recursive: true, force: true });
}
