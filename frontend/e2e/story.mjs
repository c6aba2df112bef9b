// A new user's first visit: node e2e/story.mjs <url>. Exits with 1 and a screenshot when a step fails.
import { accessible, must, walk } from "./steps.mjs";

const url = process.argv[2];
const email = `story-${Date.now()}@example.com`;
const password = `Pw-${Math.random().toString(36).slice(2)}-long`;

/** Wait until `read` gives another value than now. */
async function changes(page, read, what) {
  const before = await read();
  const until = Date.now() + 30_000;
  while (Date.now() < until) {
    if ((await read()) !== before) return;
    await page.waitForTimeout(100);
  }
  throw new Error(`${what} did not change within 30 s (${before})`);
}

const steps = {
  async "sign up"({ page }) {
    await page.goto(url);
    await page.getByRole("link", { name: "Create an account" }).click();
    await accessible(page, "sign-up");
    await page.getByLabel("Email").fill(email);
    await page.getByLabel("Password").fill(password);
    await page.getByRole("button", { name: "Create account" }).click();
    await page.getByRole("heading", { name: "Connect Breeze" }).waitFor();
  },
  async "connect the simulator"({ page, context }) {
    await page.getByRole("button", { name: "Save account" }).click();
    const tab = context.waitForEvent("page");
    await page.getByRole("button", { name: "Log in at the broker" }).click();
    const broker = await tab;
    await broker.locator("form button, form input[type=submit]").first().click();
    await broker.getByRole("heading", { name: "Connected" }).waitFor();
    await broker.close();
    await page.getByText("Connected", { exact: true }).waitFor();
    await accessible(page, "connect");
  },
  async "search reliance"({ page }) {
    await page.keyboard.press("Escape");
    await page.locator("body").press("/");
    await page.getByRole("combobox", { name: "Search instruments" }).fill("reliance");
    await page.getByRole("option", { name: /NSE:RELIANCE/ }).first().waitFor();
    await accessible(page, "search");
    await page.keyboard.press("Enter");
    await page.getByRole("heading", { name: "RELIANCE", exact: true }).waitFor();
  },
  async "chart 15m with SMA and RSI"({ page }) {
    await page.getByRole("button", { name: "15m", exact: true }).click();
    for (const study of ["Add SMA 20", "Add RSI 14"]) {
      await page.getByRole("button", { name: "Indicators" }).click();
      await page.getByRole("menuitem", { name: study }).click();
    }
    await page.locator(".canvas canvas").first().waitFor();
    await page.getByText(/SMA 20 .*RSI 14/).waitFor();
  },
  async "see it move"({ page }) {
    await page.getByRole("status").filter({ hasText: "Live" }).waitFor();
    await changes(page, () => page.locator(".symbolhead .last").textContent(), "the price");
    await changes(page, () => page.locator(".canvas").getAttribute("data-updates"), "the chart");
    await page.getByRole("table", { name: "Best five prices" }).waitFor();
    await accessible(page, "workspace");
  },
  async "watchlist"({ page }) {
    const list = page.getByRole("region", { name: "Watchlist" });
    await page.goto(`${url}/chart/NSE%3ATCS`);
    await page.getByRole("button", { name: "Add to watchlist" }).click();
    await list.getByText("TCS").waitFor();
    await list.locator(".watchrow").first().focus();
    await page.keyboard.press("Delete");
    await list.getByRole("button", { name: "Undo" }).click();
    must((await list.locator(".watchrow").count()) === 4, "the removed row is back");
    await page.waitForLoadState("networkidle").catch(() => undefined);
    await page.reload();
    await list.getByText("TCS").waitFor();
    must((await list.locator(".watchrow").count()) === 4, "the server has kept the list");
  },
  async "survive a lost network"({ page, context }) {
    await context.setOffline(true);
    await page.evaluate(() => dispatchEvent(new Event("offline")));
    await page.waitForTimeout(500);
    await context.setOffline(false);
    await page.reload();
    await page.getByRole("status").filter({ hasText: "Live" }).waitFor();
  },
  async "backfill with progress"({ page }) {
    await page.getByRole("link", { name: "Data" }).click();
    await page.getByLabel("Instruments").fill("NSE:RELIANCE");
    await page.getByRole("button", { name: "Start backfill" }).click();
    const job = page.getByRole("article").first();
    await job.getByText("done", { exact: true }).waitFor({ timeout: 60_000 });
    const bar = job.getByRole("progressbar");
    must((await bar.getAttribute("value")) === (await bar.getAttribute("max")), "the bar is full");
    await page.getByRole("img", { name: /Coverage of NSE:RELIANCE/ }).waitFor();
    must((await page.locator(".heat .step-4").count()) > 5, "the calendar shows complete days");
    await accessible(page, "data");
  },
  async "trade on paper"({ page }) {
    await page.getByRole("link", { name: "Portfolio" }).click();
    await page.getByRole("button", { name: "Open the account" }).click();
    await page.getByText("₹10,00,000.00").first().waitFor();
    await page.goto(`${url}/chart/NSE%3ARELIANCE`);
    const ticket = page.getByRole("region", { name: "Order ticket" });
    await ticket.getByLabel("Quantity").fill("10");
    await ticket.getByText("Blocks").waitFor();
    await accessible(page, "ticket");
    await ticket.getByRole("button", { name: "Buy on paper" }).click();
    await ticket.getByRole("status").waitFor();
    await page.getByRole("link", { name: "Orders", exact: true }).first().click();
    await page.getByText("filled", { exact: true }).first().waitFor();
    await page.getByRole("button", { name: "Why" }).first().click();
    await page.locator(".events li").first().waitFor();
    await accessible(page, "orders");
    await page.getByRole("link", { name: "Portfolio" }).click();
    await page.getByRole("region", { name: "Holdings" }).getByText("NSE:RELIANCE").waitFor();
    await accessible(page, "portfolio");
  },
  async "option chain"({ page }) {
    await page.getByRole("link", { name: "Options" }).click();
    await page.getByRole("heading", { name: "Options of NIFTY" }).waitFor();
    const atm = page.locator(".options tr.atm");
    await atm.getByText(/at the money/).waitFor();
    must(/\d/.test((await atm.locator("td").first().textContent()) ?? ""), "the strike has open interest");
    await page.getByRole("button", { name: "Greeks" }).click();
    await page.getByRole("columnheader", { name: "Delta" }).first().waitFor();
    await accessible(page, "option chain");
  },
  async "look at an instrument"({ page }) {
    await page.goto(`${url}/instrument/NSE%3ARELIANCE`);
    await page.getByText("RELIND", { exact: false }).first().waitFor();
    await page.getByRole("img", { name: /Coverage of NSE:RELIANCE/ }).waitFor();
    const file = page.waitForEvent("download");
    await page.getByRole("button", { name: "CSV" }).click();
    must((await file).suggestedFilename() === "NSE-RELIANCE-1m.csv", "the export has a name");
    await accessible(page, "instrument");
  },
  async "look at the system"({ page }) {
    await page.getByRole("link", { name: "System" }).click();
    await page.getByRole("region", { name: "Services" }).getByText("market-data").waitFor();
    await accessible(page, "system");
  },
  async "sign out"({ page }) {
    await page.getByRole("button", { name: "Account" }).click();
    await page.getByRole("menuitem", { name: "Sign out" }).click();
    await page.getByRole("heading", { name: "Sign in" }).waitFor();
    const kept = await page.evaluate(() => JSON.stringify({ ...localStorage, ...sessionStorage }));
    must(!/token|eyJ/i.test(kept), `no token stays behind: ${kept}`);
  },
};

await walk(steps, /ERR_INTERNET_DISCONNECTED|WebSocket|favicon\.ico/);
