// What tells the user of things, and what shows them on the chart: node e2e/notifications.mjs <url>. Exits with 1 when a step fails.
import { accessible, comes, connectSimulator, must, signUp, walk } from "./steps.mjs";

const url = process.argv[2];
const person = { email: `told-${Date.now()}@example.com`, password: `Pw-${Math.random().toString(36).slice(2)}-long` };
const RELIANCE = `${url}/chart/NSE%3ARELIANCE`;
const PATIENCE = { timeout: 120_000 };

const bell = (page) => page.getByRole("link", { name: /^Notifications/ });
const unread = async (page) => Number(/(\d+) unread/.exec(await bell(page).getAttribute("aria-label"))?.[1] ?? 0);

const steps = {
  async "begin"({ page, context }) {
    await signUp(page, url, person);
    await connectSimulator(page, context);
    await page.getByRole("link", { name: "Portfolio" }).click();
    await page.getByRole("button", { name: "Open the account" }).click();
    await page.getByText("₹10,00,000.00").first().waitFor();
    await bell(page).click();
    await page.getByText("Nothing has happened yet.").waitFor();
    await accessible(page, "inbox, empty");
  },
  async "a fill rings the bell"({ page }) {
    await page.goto(RELIANCE);
    await page.evaluate(() => (globalThis.unbroken = true));
    const ticket = page.getByRole("region", { name: "Order ticket" });
    await ticket.getByLabel("Quantity").fill("10");
    await ticket.getByText("Blocks").waitFor();
    await ticket.getByRole("button", { name: "Buy on paper" }).click();
    await comes(page, async () => (await unread(page)) >= 1, "the bell", 120);
    await page.locator('.canvas[data-positions="1"]').waitFor(PATIENCE);
    must(await page.evaluate(() => globalThis.unbroken === true), "the page was not loaded again");
  },
  async "a working order is a line on the chart"({ page }) {
    const ticket = page.getByRole("region", { name: "Order ticket" });
    await page.locator(".depth dl").getByText("Prev. close").waitFor();
    const close = page.locator(".depth dl > div", { hasText: "Prev. close" }).locator("dd");
    await comes(page, async () => /\d/.test(await close.textContent()), "the close of the day before", 120);
    // Below the market, within the day's band.
    const low = Math.round(Number((await close.textContent()).replaceAll(",", "")) * 0.95);
    await ticket.getByLabel("Type").selectOption("limit");
    await ticket.getByLabel("Price").fill(String(low));
    await ticket.getByRole("button", { name: "Buy on paper" }).click();
    await page.locator('.canvas[data-orders="1"]').waitFor(PATIENCE);
    await page.getByRole("button", { name: "Working orders: 1" }).click();
    await page.getByRole("button", { name: /^Change buy/ }).click();
    const dialog = page.getByRole("dialog", { name: /^Change buy/ });
    // Off the tick on purpose: what is sent is on it.
    await dialog.getByLabel("Price").fill(`${low - 2}.02`);
    await accessible(page, "another price for an order");
    await page.keyboard.press("Enter");
    await dialog.waitFor({ state: "detached" });
    await page.getByRole("button", { name: "Working orders: 1" }).click();
    await page.getByRole("button", { name: new RegExp(`^Change buy .* at ${low - 2}(\\.0|$)`) }).waitFor(PATIENCE);
    await page.keyboard.press("Escape");
    await page.getByRole("link", { name: "Orders", exact: true }).first().click();
    await page.getByRole("button", { name: "Cancel" }).first().click();
    await page.getByText("cancelled", { exact: true }).first().waitFor(PATIENCE);
    await page.goto(RELIANCE);
    await page.locator('.canvas[data-orders="0"]').waitFor(PATIENCE);
  },
  async "alerts, from the chart and the watchlist"({ page }) {
    await page.getByRole("button", { name: "Alert", exact: true }).click();
    const dialog = page.getByRole("dialog", { name: "Alerts on NSE:RELIANCE" });
    await dialog.getByLabel("When it").selectOption("crosses_above");
    await dialog.getByLabel("Price").fill("99,999.5");
    await dialog.getByLabel("Note (optional)").fill("Sell half");
    await accessible(page, "alert dialog");
    await dialog.getByRole("button", { name: "Set the alert" }).click();
    await dialog.getByText("rises to 99,999.50").waitFor();
    await dialog.getByRole("button", { name: "Done" }).click();
    await page.locator('.canvas[data-alerts="1"]').waitFor();
    await page.getByRole("button", { name: "Alert lines: 1" }).click();
    await page.getByRole("button", { name: "Change alert at 99999.5" }).click();
    const move = page.getByRole("dialog", { name: "Change the alert on NSE:RELIANCE" });
    await move.getByLabel("Price").fill("88888");
    await accessible(page, "another price for an alert");
    await page.keyboard.press("Enter");
    await move.waitFor({ state: "detached" });
    await page.getByRole("button", { name: "Alert lines: 1" }).click();
    await page.getByRole("button", { name: /^Change alert at 88888/ }).waitFor(PATIENCE);
    await page.keyboard.press("Escape");
    await page.locator(".watchrow").first().focus();
    await page.keyboard.press("a");
    await page.getByRole("dialog", { name: /^Alerts on / }).waitFor();
    await page.keyboard.press("Escape");
    await page.goto(`${url}/notifications/alerts`);
    const line = page.getByRole("listitem").filter({ hasText: "Sell half" });
    await line.getByRole("button", { name: "Pause" }).click();
    await line.getByText("paused").waitFor();
    await accessible(page, "alerts");
    await line.getByRole("button", { name: "Resume" }).click();
    await line.getByText("active").waitFor();
    await line.getByRole("button", { name: /^Delete/ }).click();
    await line.waitFor({ state: "detached" });
  },
  async "a hook becomes a fill"({ page }) {
    await page.goto(`${url}/notifications/hooks`);
    await page.getByRole("button", { name: "New hook" }).click();
    await accessible(page, "new hook");
    await page.getByRole("button", { name: "Add the hook" }).click();
    const secret = await page.locator(".secret").first().textContent();
    const card = page.getByRole("article", { name: "Hook TradingView" });
    const path = new URL(await card.locator("code").first().textContent()).pathname;
    const before = await unread(page);
    const body = { secret, id: "one", ticker: "RELIANCE", action: "buy", contracts: "1" };
    const answer = await fetch(url + path, { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(body) });
    must(answer.ok, `the hook took the alert: ${answer.status} ${await answer.clone().text()}`);
    await comes(page, async () => (await unread(page)) > before, "the bell", 120);
    await card.getByRole("button", { name: "What came in" }).click();
    await card.getByText("placed", { exact: true }).waitFor();
    await accessible(page, "hooks");
    await card.getByRole("button", { name: "Delete" }).click();
    await card.waitFor({ state: "detached" });
  },
  async "read the inbox"({ page }) {
    await bell(page).click();
    const line = page.locator(".inbox li[data-unread]").filter({ hasText: "Order filled" }).first();
    await line.waitFor();
    await accessible(page, "inbox");
    await page.getByRole("button", { name: "Mark all as read" }).click();
    await comes(page, async () => (await page.locator(".inbox li[data-unread]").count()) === 0, "an inbox that is read");
    await page.getByRole("button", { name: /^Delete: / }).first().click();
    await page.getByRole("button", { name: /^Unread/ }).click();
    await page.getByText("Nothing of that is here.").waitFor();
  },
  async "webhooks"({ page }) {
    await page.goto(`${url}/notifications/webhooks`);
    await page.getByRole("button", { name: "New webhook" }).click();
    const form = page.getByRole("form", { name: "New webhook" });
    // Of one kind that does not happen here: nothing is sent to anybody.
    await form.getByText("Of every kind of event").click();
    await form.getByLabel("Backfill failed").check();
    await form.getByLabel("Address").fill("https://127.0.0.1/private");
    await form.getByRole("button", { name: "Add the webhook" }).click();
    await form.getByText("private, local or reserved").waitFor();
    await form.getByLabel("Address").fill("https://1.1.1.1/breezeway");
    await form.getByRole("button", { name: "Add the webhook" }).click();
    await page.locator(".secret", { hasText: "bwh_" }).waitFor();
    const card = page.getByRole("article", { name: "Webhook https://1.1.1.1/breezeway" });
    await card.getByRole("button", { name: "Deliveries" }).click();
    await card.getByText("Nothing has been sent yet.").waitFor();
    await accessible(page, "webhooks");
    await card.getByRole("button", { name: "Switch off" }).click();
    await card.getByText("off", { exact: true }).waitFor();
    await card.getByRole("button", { name: "Delete" }).click();
    await card.waitFor({ state: "detached" });
  },
  async "settings are kept"({ page }) {
    await page.goto(`${url}/notifications/settings`);
    const box = page.getByLabel("Backfill done: Webhooks");
    must(await box.isChecked(), "webhooks are told of backfills by default");
    await box.uncheck();
    await page.getByLabel(/E-mail and Telegram wait/).check();
    await page.getByLabel("From", { exact: true }).fill("21:15");
    await accessible(page, "notification settings");
    await page.getByRole("button", { name: "Save" }).click();
    await page.getByText("Saved.").waitFor();
    await page.reload();
    must(!(await box.isChecked()), "the choice of a channel is kept");
    must((await page.getByLabel("From", { exact: true }).inputValue()) === "21:15", "the quiet hours are kept");
  },
  async "open interest has a pane"({ page }) {
    await page.keyboard.press("Escape");
    await page.locator("body").press("/");
    await page.getByRole("combobox", { name: "Search instruments" }).fill("nifty fut");
    await page.getByRole("option", { name: /NFO:NIFTY\S+FUT/ }).first().click();
    await page.locator('.canvas[data-panes="1"]').waitFor();
    await page.getByRole("button", { name: "Open interest" }).click();
    await page.locator('.canvas[data-panes="2"]').waitFor();
    await page.getByRole("button", { name: "Open interest" }).click();
    await page.locator('.canvas[data-panes="1"]').waitFor();
  },
  async "depth and order in a drawer on a tablet"({ page }) {
    await page.setViewportSize({ width: 1024, height: 768 });
    await page.goto(RELIANCE);
    const ticket = page.getByRole("region", { name: "Order ticket" });
    await page.getByRole("button", { name: "Depth and order" }).click();
    await ticket.getByRole("button", { name: "Buy on paper" }).waitFor();
    await page.waitForTimeout(300);
    await accessible(page, "drawer");
    await ticket.getByLabel("Quantity").focus();
    await page.keyboard.press("Escape");
    await ticket.waitFor({ state: "hidden" });
  },
};

// A private address is refused on purpose, which the console notes.
await walk(steps, /422|favicon\.ico/);
