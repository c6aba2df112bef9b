// What goes wrong while somebody works, without one manual refresh: node e2e/outages.mjs <url> <state.json of the stack>.
import { readFileSync } from "node:fs";
import { changes, comes, connectSimulator, must, signUp, walk } from "./steps.mjs";
import { wireTo } from "./wire.mjs";

const [gateway, stateFile] = process.argv.slice(2);
const wire = await wireTo(gateway);
const { url } = wire;
const person = { email: `outage-${Date.now()}@example.com`, password: `Pw-${Math.random().toString(36).slice(2)}-long` };

const price = (page) => () => page.locator(".symbolhead .last").textContent();
const trust = (page) => page.locator(".shell").getAttribute("data-feed");

async function live(page) {
  await page.getByRole("status").filter({ hasText: /^Live$/ }).waitFor({ timeout: 60_000 });
  await changes(page, price(page), "the price");
  await changes(page, () => page.locator(".canvas").getAttribute("data-updates"), "the chart");
}

/** A mark that any load of a page would wipe. */
const mark = (page) => page.evaluate(() => (globalThis.unbroken = true));
const unbroken = async (page) => must(await page.evaluate(() => globalThis.unbroken === true), "the page was not loaded again");

const gatewayPid = () => JSON.parse(readFileSync(stateFile, "utf8")).components.gateway?.pid;

const steps = {
  async "begin"({ page, context }) {
    await signUp(page, url, person);
    await connectSimulator(page, context);
    await page.goto(`${url}/chart/NSE%3ARELIANCE`);
    await live(page);
  },
  async "reload"({ page }) {
    await page.reload();
    await live(page);
    await mark(page);
  },
  async "the gateway dies"({ page }) {
    const before = gatewayPid();
    process.kill(before, "SIGKILL");
    await comes(page, async () => (await trust(page)) !== "live", "the look of prices that have stopped");
    await comes(page, () => ![before, undefined].includes(gatewayPid()), "another gateway", 60);
    await live(page);
    await unbroken(page);
  },
  async "the network breaks"({ page }) {
    wire.cut();
    await comes(page, async () => (await trust(page)) === "down", "the look of a lost connection");
    await page.getByRole("status").filter({ hasText: "Reconnecting" }).waitFor();
    wire.mend();
    await live(page);
    await unbroken(page);
  },
  async "the network falls silent"({ page }) {
    wire.mute();
    await comes(page, async () => ["delayed", "stale", "down"].includes(await trust(page)), "the look of late prices", 60);
    wire.mend();
    await live(page);
    await unbroken(page);
  },
  async "the access token expires"({ page, context }) {
    // The server itself refuses what is left of the token, for one call and for one stream.
    let spoiled = 0;
    await context.route("**/api/v1/system/status", async (route) => {
      spoiled += 1;
      if (spoiled > 1) return route.continue();
      return route.continue({ headers: { ...route.request().headers(), authorization: "Bearer spoiled" } });
    });
    const renewed = page.waitForResponse((answer) => answer.url().endsWith("/auth/refresh"));
    await page.getByRole("link", { name: "System" }).click();
    must((await renewed).ok(), "a new token was fetched");
    await page.getByRole("region", { name: "Services" }).getByText("market-data").waitFor();
    must(spoiled >= 2, "the call was made again");
    await unbroken(page);
    await page.goBack();
    await live(page);
  },
  async "the stream refuses the token"({ page }) {
    let streams = 0;
    await page.routeWebSocket(/\/ws\/v1\/stream/, (near) => {
      const far = near.connectToServer();
      streams += 1;
      const first = streams === 1;
      near.onMessage((text) => far.send(first && text.includes('"auth"') ? '{"action":"auth","token":"eyJhbGciOiJFZERTQSJ9.eyJleHAiOjF9.c2ln"}' : text));
    });
    wire.cut();
    await comes(page, async () => (await trust(page)) === "down", "the look of a lost connection");
    wire.mend();
    await live(page);
    must(streams >= 2, "it came back with another token");
    await unbroken(page);
  },
  async "the sign-in ends elsewhere"({ page }) {
    const sign = await fetch(`${gateway}/api/v1/auth/login`, { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(person) });
    const { access_token: token } = await sign.json();
    const ended = await fetch(`${gateway}/api/v1/auth/logout-all`, { method: "POST", headers: { Authorization: `Bearer ${token}` } });
    must(ended.ok, "all sessions are ended");
    const dialog = page.getByRole("dialog");
    await dialog.getByLabel("Password").fill(person.password, { timeout: 60_000 });
    must(await page.locator(".canvas").count() === 1, "the chart stays under the dialog");
    await dialog.getByRole("button", { name: /Sign in/ }).click();
    await dialog.waitFor({ state: "detached" });
    await live(page);
    await unbroken(page);
    wire.close();
  },
};

// Each of these steps breaks something on purpose, which the console notes.
await walk(steps, /ERR_|WebSocket|401|50[234]|favicon\.ico/);
process.exit();
