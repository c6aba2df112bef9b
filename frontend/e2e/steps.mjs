// What every story needs: checks, the accessibility check, and the walk through its steps.
import { readFileSync } from "node:fs";
import { withBrowser } from "./browser.mjs";

const axe = readFileSync(new URL("../node_modules/axe-core/axe.min.js", import.meta.url), "utf8");

export function must(condition, text) {
  if (!condition) throw new Error(text);
}

/** No serious accessibility finding. Through the debugger, since the page's policy lets in no foreign script. */
export async function accessible(page, name) {
  for (const colorScheme of ["light", "dark"]) {
    await page.emulateMedia({ colorScheme });
    await page.evaluate(axe);
    const found = await page.evaluate(() => globalThis.axe.run(document, { resultTypes: ["violations"] }));
    const serious = found.violations.filter(({ impact }) => impact === "serious" || impact === "critical");
    const told = serious.map(({ id, nodes }) => `${id}: ${nodes.slice(0, 3).map(({ html }) => html).join(" | ")}`);
    must(told.length === 0, `${name} (${colorScheme}): ${told.join("\n")}`);
  }
}

/** Make a user by the form. */
export async function signUp(page, url, { email, password }) {
  await page.goto(`${url}/sign-up`);
  await page.getByLabel("Email").fill(email);
  await page.getByLabel("Password").fill(password);
  await page.getByRole("button", { name: "Create account" }).click();
  await page.getByRole("heading", { name: "Connect Breeze" }).waitFor();
}

/** From the page of broker accounts: add the simulator's and log in there. */
export async function connectSimulator(page, context) {
  await page.getByRole("button", { name: "Save account" }).click();
  const tab = context.waitForEvent("page");
  await page.getByRole("button", { name: "Log in at the broker" }).click();
  const broker = await tab;
  await broker.locator("form button, form input[type=submit]").first().click();
  await broker.getByRole("heading", { name: "Connected" }).waitFor();
  await broker.close();
  await page.getByText("Connected", { exact: true }).waitFor();
}

/** Wait until `holds`. */
export async function comes(page, holds, what, seconds = 30) {
  for (const until = Date.now() + seconds * 1000; !(await holds()); await page.waitForTimeout(100)) {
    must(Date.now() < until, `${what} did not come within ${seconds} s`);
  }
}

/** Wait until `read` gives another value than now. */
export async function changes(page, read, what) {
  const before = await read();
  await comes(page, async () => (await read()) !== before, `a change of ${what} from ${before}`);
}

/**
 * Walk through `steps` in order; the process exits with 1, and a screenshot at $SHOT, when one fails.
 *
 * @param expected faults of the console that belong to the story, as a regular expression.
 */
export async function walk(steps, expected) {
  await withBrowser({}, async (browser) => {
    for (const [name, step] of Object.entries(steps)) {
      const began = Date.now();
      try {
        await step(browser);
      } catch (error) {
        if (process.env.SHOT) await browser.page.screenshot({ path: process.env.SHOT });
        console.error(`FAILED: ${name}\n${error.stack}\nat ${browser.page.url()}\n${browser.faults.join("\n")}`);
        process.exitCode = 1;
        return;
      }
      console.log(`ok: ${name} (${((Date.now() - began) / 1000).toFixed(1)} s)`);
    }
    const bad = browser.faults.filter((fault) => !expected.test(fault));
    if (bad.length > 0) {
      console.error(`The console complained:\n${bad.join("\n")}`);
      process.exitCode = 1;
    }
  });
}
