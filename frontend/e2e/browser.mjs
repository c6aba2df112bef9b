// Debian's Chromium with a fresh profile; everything that would phone home is off.
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { chromium } from "playwright-core";

const FLAGS = [
  "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
  "--disable-component-update", "--disable-sync",
];

/** Run `work` with a page; console errors and page errors collect in `faults`. `moreArgs` are flags for this browser. */
export async function withBrowser({ moreArgs = [], ...options }, work) {
  const profile = mkdtempSync(join(tmpdir(), "breezeway-chromium-"));
  const context = await chromium.launchPersistentContext(profile, {
    executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
    headless: true,
    args: [...FLAGS, ...moreArgs],
    viewport: { width: 1440, height: 900 },
    ...options,
  });
  const faults = [];
  context.on("weberror", (error) => faults.push(String(error.error())));
  context.on("console", (message) => message.type() === "error" && faults.push(`${message.text()} ${message.location().url}`));
  try {
    const page = context.pages()[0] ?? (await context.newPage());
    page.setDefaultTimeout(90_000);
    return await work({ context, page, faults });
  } finally {
    await context.close();
    rmSync(profile, { recursive: true, force: true });
  }
}
