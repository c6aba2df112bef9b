// A new user's first visit: node e2e/story.mjs <url>. Exits with 1 and a screenshot when a step fails.
import { accessible, changes, comes, connectSimulator, must, signUp, walk } from "./steps.mjs";

const url = process.argv[2];
const email = `story-${Date.now()}@example.com`;
const password = `Pw-${Math.random().toString(36).slice(2)}-long`;

const steps = {
  async "sign up"({ page }) {
    await page.goto(url);
    await page.getByRole("link", { name: "Create an account" }).click();
    await accessible(page, "sign-up");
    await signUp(page, url, { email, password });
  },
  async "connect the simulator"({ page, context }) {
    await connectSimulator(page, context);
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
    await page.getByRole("button", { name: "Indicators" }).click();
    const dialog = page.getByRole("dialog", { name: "Indicators" });
    await dialog.getByRole("button", { name: "Add SMA" }).click();
    await dialog.getByRole("searchbox").fill("rsi");
    await dialog.getByRole("button", { name: "Add RSI" }).click();
    await dialog.getByLabel("length of RSI 14").fill("10");
    await accessible(page, "indicators");
    await dialog.getByRole("button", { name: "Done" }).click();
    await page.locator(".canvas canvas").first().waitFor();
    await page.getByText(/SMA 20 [\d,.]+ .*RSI 10 [\d,.]+/).waitFor();
  },
  async "see it move"({ page }) {
    await page.getByRole("status").filter({ hasText: "Live" }).waitFor();
    await changes(page, () => page.locator(".symbolhead .last").textContent(), "the price");
    await changes(page, () => page.locator(".canvas").getAttribute("data-updates"), "the chart");
    await page.getByRole("table", { name: "Best five prices" }).waitFor();
    await accessible(page, "workspace");
  },
  async "draw, compare and keep it as a layout"({ page }) {
    const canvas = page.locator(".canvas");
    await page.getByRole("button", { name: "Drawings: 0" }).click();
    await page.getByRole("button", { name: "Level at the last price" }).click();
    await page.getByLabel("Price of level 1").waitFor();
    await accessible(page, "drawings");
    await page.keyboard.press("Escape");
    await page.getByRole("button", { name: "Draw a trend line" }).click();
    const { x, y } = await canvas.boundingBox();
    await page.mouse.click(x + 200, y + 60);
    await page.mouse.move(x + 300, y + 100);
    await page.mouse.click(x + 400, y + 110);
    await page.getByRole("button", { name: "Drawings: 2" }).waitFor();
    await canvas.focus();
    await page.keyboard.press("Delete");
    await page.getByRole("button", { name: "Drawings: 1" }).waitFor();
    await page.getByRole("button", { name: "Draw a Fibonacci retracement" }).click();
    await page.mouse.move(x + 220, y + 130);
    await page.mouse.down();
    await page.mouse.move(x + 300, y + 80);
    await page.mouse.move(x + 420, y + 40);
    await page.mouse.up();
    await page.getByRole("button", { name: "Drawings: 2" }).waitFor();
    await page.keyboard.press("Control+z");
    await page.getByRole("button", { name: "Drawings: 1" }).waitFor();
    const drawn = page.waitForResponse((answer) => /chart\.drawings\./.test(answer.url()) && answer.request().method() === "PUT");
    await page.keyboard.press("Control+Shift+z");
    must((await drawn).ok(), "the server keeps the drawings");
    await page.getByRole("button", { name: "Measure a distance" }).click();
    await page.mouse.click(x + 220, y + 130);
    await page.mouse.click(x + 300, y + 50);
    const figures = page.getByText(/^\+[\d,.]+ \(\+[\d.]+%\), \d+ bars?, /);
    await figures.waitFor();
    await page.keyboard.press("Escape");
    await figures.waitFor({ state: "detached" });
    await page.getByRole("button", { name: "Compare with another instrument" }).click();
    await page.getByRole("combobox", { name: "Search instruments" }).fill("infosys");
    await page.getByRole("option", { name: /NSE:INFY/ }).first().click();
    await page.getByText(/NSE:INFY [\d,.]+/).waitFor();
    await page.getByRole("button", { name: "Layout: Default" }).click();
    await page.getByLabel("Name of a new layout").fill("Swing");
    await page.getByRole("button", { name: "Save as" }).click();
    await page.getByRole("button", { name: "Layout: Swing" }).waitFor();
    await page.keyboard.press("Escape");
    const stored = page.waitForResponse((answer) => answer.url().endsWith("chart.layouts") && answer.request().method() === "PUT");
    await page.getByRole("button", { name: "30m", exact: true }).click();
    must((await stored).ok(), "the server keeps the layout");
    // Another device knows only what the server keeps.
    await page.evaluate(() => localStorage.removeItem("breezeway.chart"));
    await page.reload();
    await page.getByRole("button", { name: "Layout: Swing" }).waitFor();
    await page.getByRole("button", { name: "Drawings: 2" }).click();
    await page.getByRole("button", { name: /^Fibonacci / }).waitFor();
    await accessible(page, "list of drawings");
    await page.keyboard.press("Escape");
    await page.getByText(/NSE:INFY [\d,.]+/).waitFor();
    const picture = page.waitForEvent("download");
    await page.getByRole("button", { name: "Save a picture of the chart" }).click();
    must((await picture).suggestedFilename() === "NSE-RELIANCE-30m.png", "the picture has a name");
  },
  async "go back in time"({ page }) {
    await page.getByRole("button", { name: "1m", exact: true }).click();
    const bars = () => page.locator(".canvas").getAttribute("data-bars").then(Number);
    await page.waitForFunction(() => Number(document.querySelector(".canvas")?.dataset.bars) >= 1000);
    // The first page. A chart that is quick has asked for the next one before anybody drags.
    const first = 1000;
    const { x, y } = await page.locator(".canvas").boundingBox();
    for (let drag = 0; drag < 12 && (await bars()) <= first + 10; drag += 1) {
      await page.mouse.move(x + 60, y + 100);
      await page.mouse.wheel(0, 600);
      await page.mouse.wheel(-3000, 0);
      await page.waitForTimeout(300);
    }
    must((await bars()) > first + 10, `older bars were fetched (${await bars()})`);
    await page.getByRole("button", { name: "15m", exact: true }).click();
  },
  async "watchlist"({ page }) {
    const list = page.getByRole("region", { name: "Watchlist" });
    await page.goto(`${url}/chart/NSE%3ATCS`);
    // The page was left as soon as the interval was chosen.
    await page.locator('button[aria-pressed="true"]', { hasText: /^15m$/ }).waitFor();
    await page.getByRole("button", { name: "Add to watchlist" }).click();
    await list.locator(".watchrow", { hasText: "TCS" }).waitFor();
    await list.locator(".watchrow").first().focus();
    await page.keyboard.press("Delete");
    await list.getByRole("button", { name: "Undo" }).click();
    await comes(page, async () => (await list.locator(".watchrow").count()) === 4, "the removed row");
    await page.waitForLoadState("networkidle").catch(() => undefined);
    await page.reload();
    await comes(page, async () => (await list.locator(".watchrow").count()) === 4, "the list that the server has kept");
  },
  async "sort it and make another"({ page }) {
    const list = page.getByRole("region", { name: "Watchlist" });
    const rows = () => list.locator(".watchrow b").allTextContents();
    const [first, second, ...rest] = await rows();
    await list.locator(".watchrow").first().focus();
    await page.keyboard.press("Alt+ArrowDown");
    await comes(page, async () => String(await rows()) === String([second, first, ...rest]), "the order that the keyboard asked for");
    await list.locator("li").nth(3).dragTo(list.locator("li").nth(0));
    await comes(page, async () => (await rows())[0] === rest[1], "the order after dragging");
    await list.locator(".spark polyline").first().waitFor();
    await list.getByRole("button", { name: "New watchlist" }).click();
    await list.getByText("Nothing is followed here yet.").waitFor();
    await accessible(page, "watchlists");
    await page.getByRole("button", { name: "Add to watchlist" }).click();
    await list.locator(".watchrow", { hasText: "TCS" }).waitFor();
    await comes(page, async () => (await rows()).length === 1, "a list of what was added only");
    await page.keyboard.press("Alt+1");
    await list.locator(".watchrow", { hasText: "INFY" }).waitFor();
  },
  async "backfill with progress"({ page }) {
    await page.getByRole("link", { name: "Data" }).click();
    await page.getByLabel("Instruments").fill("NSE:RELIANCE");
    await page.getByRole("button", { name: "Start backfill" }).click();
    const job = page.getByRole("article").first();
    await job.getByText("done", { exact: true }).waitFor({ timeout: 60_000 });
    const bar = job.getByRole("progressbar");
    await comes(page, async () => (await bar.getAttribute("value")) === (await bar.getAttribute("max")), "the full bar");
    await page.getByRole("img", { name: /Coverage of NSE:RELIANCE/ }).waitFor();
    await comes(page, async () => (await page.locator(".heat .step-4").count()) > 5, "complete days on the calendar");
    await accessible(page, "data");
  },
  async "fetch the history of another chart from that chart"({ page }) {
    const offer = page.getByRole("group", { name: "Fetch history" });
    const button = offer.getByRole("button", { name: /^Fetch history/ });
    const bars = () => page.locator(".canvas").getAttribute("data-bars").then(Number);
    // Bars belong to all users: somebody may have fetched those of the first name.
    for (const name of ["HDFCBANK", "SBIN", "ITC", "LT", "MARUTI", "WIPRO", "NTPC", "TITAN"]) {
      await page.goto(`${url}/chart/NSE%3A${name}`);
      await page.locator(".canvas[data-bars]").waitFor();
      await comes(page, async () => (await button.isVisible()) || (await bars()) >= 60, "an offer or enough bars");
      if (await button.isVisible()) break;
    }
    await accessible(page, "chart without history");
    await button.click();
    await comes(page, async () => (await offer.getByRole("progressbar").isVisible()) || (await bars()) >= 1000, "the progress");
    await comes(page, async () => (await bars()) >= 1000, "the history on the chart, without a reload", 120);
    await offer.waitFor({ state: "detached" });
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
    await page.getByRole("link", { name: "Contract notes" }).click();
    const note = page.getByRole("article", { name: /Contract note of/ });
    await note.getByRole("link", { name: "NSE:RELIANCE" }).waitFor();
    await note.getByText("All charges").waitFor();
    await accessible(page, "contract notes");
    await page.goto(`${url}/chart/NSE%3ARELIANCE`);
    await page.locator('.canvas[data-fills="1"]').waitFor();
  },
  async "click trading on the ladder"({ page }) {
    const depth = page.getByRole("region", { name: "Depth of NSE:RELIANCE" });
    await depth.getByRole("button", { name: "Ladder" }).click();
    const lowest = depth.locator(".rung").last();
    await lowest.waitFor();
    // Far below, where nothing fills while this looks on.
    for (let times = 0; times < 40; times += 1) await depth.getByRole("button", { name: "Lower" }).click();
    await lowest.locator(".buy").click();
    await depth.getByText("Nothing was placed: click trading is off.").waitFor();
    await accessible(page, "ladder");
    const armed = depth.getByText(/^Armed:/);
    const arm = async () => {
      // Prices that were late for a moment have ended it.
      if (!(await armed.isVisible())) await depth.getByRole("switch", { name: /^Click trading/ }).click();
      await armed.waitFor();
    };
    await arm();
    await lowest.locator(".buy").dblclick();
    await lowest.getByText("yours: 1", { exact: true }).waitFor();
    await accessible(page, "armed ladder");
    await arm();
    await lowest.locator(".mine").click();
    await lowest.locator(".mine").waitFor({ state: "detached" });
    await arm();
    await page.keyboard.press("Escape");
    await depth.getByText("Clicks place nothing.").waitFor();
    await depth.getByRole("button", { name: "Best five" }).click();
    await page.getByRole("table", { name: "Best five prices" }).waitFor();
  },
  async "resize the workspace, and open its dock"({ page }) {
    const edge = page.getByRole("separator", { name: "Width of the watchlist" });
    const kept = () => page.waitForResponse((answer) => answer.url().endsWith("workspace.panes") && answer.request().method() === "PUT");
    const width = kept();
    await edge.focus();
    await page.keyboard.press("ArrowRight");
    must((await width).ok(), "the server keeps the width");
    const opened = kept();
    await page.getByRole("button", { name: "Trades", exact: true }).click();
    must((await opened).ok(), "the server keeps the open dock");
    // Another device knows only what the server keeps.
    await page.evaluate(() => localStorage.removeItem("breezeway.panes"));
    await page.reload();
    await comes(page, async () => (await edge.getAttribute("aria-valuenow")) === "310", "the width that was kept");
    const dock = page.getByRole("region", { name: "Dock" });
    await dock.getByRole("cell", { name: "NSE:RELIANCE" }).first().waitFor();
    await accessible(page, "dock");
    await dock.getByRole("button", { name: "Trades" }).click();
    await page.getByRole("button", { name: "First sizes of the panes" }).click();
    await comes(page, async () => (await edge.getAttribute("aria-valuenow")) === "300", "the first width");
  },
  async "option chain"({ page }) {
    await page.getByRole("link", { name: "Options" }).click();
    await page.getByRole("heading", { name: "Options of NIFTY" }).waitFor();
    const atm = page.locator(".options tr.atm");
    await atm.getByText(/at the money/).waitFor();
    await comes(page, async () => /\d/.test((await atm.locator("td").first().textContent()) ?? ""), "the strike's open interest");
    await page.getByRole("button", { name: "Greeks" }).click();
    await page.getByRole("columnheader", { name: "Delta" }).first().waitFor();
    await accessible(page, "option chain");
    await page.getByRole("button", { name: "Basket", exact: true }).click();
    const basket = page.getByRole("region", { name: "Basket" });
    const prices = () => atm.locator("td a").allTextContents();
    await comes(page, async () => (await prices()).length === 2 && (await prices()).every((text) => /[1-9]/.test(text)), "prices at the money", 120);
    await atm.getByRole("button", { name: /^Buy .* call$/ }).click();
    await atm.getByRole("button", { name: /^Buy .* put$/ }).click();
    await basket.getByRole("img", { name: /^Profit and loss at expiry: most to win unlimited/ }).waitFor();
    const place = basket.getByRole("button", { name: "Place 2 orders on paper" });
    await comes(page, () => place.isEnabled(), "the margin", 60);
    await accessible(page, "basket");
    await place.click();
    await basket.getByText("2 orders are on their way to the exchange.").waitFor();
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
    await page.getByRole("region", { name: "Jobs" }).getByText(/of NSE:RELIANCE/).first().waitFor();
    await page.getByRole("region", { name: "Broker quota" }).getByText("active").waitFor();
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

await walk(steps, /favicon\.ico/);
