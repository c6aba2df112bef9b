// A page that stays open over midnight in India: node e2e/day.mjs <url>. The browser's clock, the stream and the bars are the
// story's own; the rest is answered by the stack.
import { fakeStream } from "./fakeStream.mjs";
import { comes, must, signUp, walk } from "./steps.mjs";

const [stack] = process.argv.slice(2);
const SYMBOL = "NSE:RELIANCE";
const DAY = 86_400;
/** Midnight in India on which 19 November 2026 begins, epoch seconds. */
const MIDNIGHT = Date.parse("2026-11-19T00:00:00+05:30") / 1000;
const OPEN = 9 * 3600 + 15 * 60;
const DAYS = [
  { at: MIDNIGHT - 20, prev_close: 1000, ltp: 1010, change_pct: 1, closes: [1000, 1020, 1010], name: /Wed, 18 Nov/ },
  { at: MIDNIGHT + OPEN + 900, prev_close: 1010, ltp: 989.8, change_pct: -2, closes: [1005, 995, 989.8], name: /Thu, 19 Nov/ },
];
let day = 0;
let telling = true;
let seq = 0;

function messages() {
  if (!telling) return [];
  const { at, ltp, prev_close, change_pct } = DAYS[day];
  const ts = at * 1000;
  const tick = { type: "tick", symbol: SYMBOL, seq: ++seq, ltp, ltq: 1, ltt: ts, bid: ltp, bid_qty: 1, ask: ltp, ask_qty: 1, open: ltp, high: ltp, low: ltp, prev_close, change_pct, volume: seq, avg_price: ltp, oi: null, ts };
  return [tick, { type: "candle", symbol: SYMBOL, interval: "1d", t: MIDNIGHT + (day - 1) * DAY, o: ltp, h: ltp, l: ltp, c: ltp, v: seq, oi: null, closed: false }];
}

/** Stored daily bars up to the day before today, or today's bars of five minutes. */
function candles(interval) {
  const daily = interval !== "5m";
  const t = daily ? Array.from({ length: 80 + day }, (_, i) => MIDNIGHT + (i - 81) * DAY) : DAYS[day].closes.map((_, i) => MIDNIGHT + (day - 1) * DAY + OPEN + i * 300);
  const c = daily ? t.map((_, i) => 900 + i) : DAYS[day].closes;
  return { symbol: SYMBOL, interval, timezone: "Asia/Kolkata", t, o: c, h: c, l: c, c, v: t.map(() => 1), oi: null, complete: true, next: null };
}

const server = await fakeStream(stack, messages, 200);
const person = { email: `day-${Date.now()}@example.com`, password: `Pw-${Math.random().toString(36).slice(2)}-long` };
const bars = (page) => page.locator(".canvas").getAttribute("data-bars").then(Number);
const updates = (page) => page.locator(".canvas").getAttribute("data-updates").then(Number);
const spark = (page) => page.locator(".watchrow", { hasText: "RELIANCE" }).locator(".spark").getAttribute("data-sign");
const trust = (page) => page.locator(".shell").getAttribute("data-feed");

const steps = {
  async "the evening before"({ page }) {
    await signUp(page, server.url, person);
    await page.clock.install({ time: DAYS[0].at * 1000 });
    await page.route("**/api/v1/candles/**", (route) => {
      const { pathname, searchParams } = new URL(route.request().url());
      if (pathname.endsWith("/coverage")) return route.fulfill({ json: { symbol: SYMBOL, interval: searchParams.get("interval"), days: [] } });
      return route.fulfill({ json: searchParams.has("to") ? { ...candles("1d"), t: [], o: [], h: [], l: [], c: [], v: [] } : candles(searchParams.get("interval")) });
    });
    await page.route("**/api/v1/market/status", async (route) => {
      const answer = await route.fetch();
      return route.fulfill({ json: { ...(await answer.json()), replay: true, speed: 1, exchange_time: new Date(DAYS[day].at * 1000).toISOString() } });
    });
    await page.goto(`${server.url}/chart/NSE%3ARELIANCE`);
    await page.getByRole("button", { name: "1d", exact: true }).click();
    await comes(page, async () => (await updates(page)) > 2, "daily bars that move", 60);
    await page.getByRole("complementary", { name: "Simulator" }).getByText(DAYS[0].name).waitFor();
    await page.locator(".symbolhead").getByText("▲ +1.00%").waitFor();
    must((await bars(page)) === 80, "the day before today is the last that is stored");
    await comes(page, async () => (await spark(page)) === "up", "the day's rising line", 60);
    await page.evaluate(() => (globalThis.unbroken = true));
  },
  async "nothing comes around midnight, and the prices look it"({ page }) {
    telling = false;
    // Frames still come, but the feed says that the exchange has gone to bed.
    server.say({ type: "feed", state: "stalled", reason: null });
    await comes(page, async () => (await trust(page)) === "stale", "the look of stale prices", 60);
  },
  async "the next morning"({ page }) {
    day = 1;
    await page.clock.fastForward(1000 * (DAYS[1].at - DAYS[0].at));
    telling = true;
    server.say({ type: "feed", state: "live", reason: null });
    await comes(page, async () => (await trust(page)) === "live", "the look of fresh prices", 90);
    await page.getByRole("complementary", { name: "Simulator" }).getByText(DAYS[1].name).waitFor();
    await page.locator(".symbolhead").getByText("▼ -2.00%").waitFor();
    await comes(page, async () => (await spark(page)) === "down", "the new day's falling line", 90);
    await comes(page, async () => (await bars(page)) === 81, "yesterday as the store has it", 90);
    const before = await updates(page);
    await comes(page, async () => (await updates(page)) > before + 2, "the new day's bar", 60);
    await page.locator(".legend").getByText(/C 989\.80/).waitFor();
    must(await page.evaluate(() => globalThis.unbroken === true), "the page was not loaded again");
    server.close();
  },
};

await walk(steps, /favicon\.ico|ERR_|WebSocket|401|404|50[234]/);
process.exit();
