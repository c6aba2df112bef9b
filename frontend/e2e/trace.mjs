// What ticks cost the browser: node e2e/trace.mjs <url> [seconds]. One line of JSON; exit code 1 when a gate is missed.
// 50 instruments at 20 ticks a second each, in 20 frames a second, beside chart and depth, come from a stream server of its
// own, so that the stack's work on the same processors is not measured; everything else is answered by the stack.
import { withBrowser } from "./browser.mjs";
import { fakeStream } from "./fakeStream.mjs";

const [stack, given] = process.argv.slice(2);
const seconds = Number(given ?? 60);
const WARM_UP_MS = Math.min(10_000, seconds * 1000);
const FRAMES = 20;
const GATES = { main_thread_share: 0.5, frames_over_50_ms: 0, heap_growth_mb: 5 };
const NAMES = "RELIANCE INFY TCS HDFCBANK ICICIBANK SBIN ITC LT AXISBANK KOTAKBANK BHARTIARTL HINDUNILVR BAJFINANCE MARUTI SUNPHARMA TITAN NTPC ONGC POWERGRID TATASTEEL WIPRO HCLTECH TECHM ADANIPORTS ADANIENT ASIANPAINT ULTRACEMCO NESTLEIND JSWSTEEL GRASIM HINDALCO COALINDIA BPCL CIPLA DRREDDY EICHERMOT HEROMOTOCO BRITANNIA APOLLOHOSP DIVISLAB INDUSINDBK BAJAJFINSV SBILIFE HDFCLIFE TATACONSUM UPL SHREECEM BAJAJ-AUTO FEDERALBNK PNB".split(" ");
const SYMBOLS = NAMES.map((name) => `NSE:${name}`);

let seq = 0;
const last = new Map(SYMBOLS.map((symbol, i) => [symbol, 500 + 37 * i]));
function tick(symbol) {
  const ltp = Math.round((last.get(symbol) + (Math.random() - 0.5)) * 20) / 20;
  last.set(symbol, ltp);
  return {
    type: "tick", symbol, seq: ++seq, ltp, ltq: 5, ltt: Date.now(), bid: ltp - 0.05, bid_qty: 100, ask: ltp + 0.05, ask_qty: 80, open: 500, high: ltp + 9, low: ltp - 9,
    prev_close: 500, change_pct: (ltp / 500 - 1) * 100, volume: seq * 10, avg_price: ltp, oi: null, buy_qty: 1000, sell_qty: 900, lower_band: 100, upper_band: 9000, ts: Date.now(),
  };
}
function frame() {
  const c = last.get("NSE:RELIANCE");
  const level = (price) => [price, Math.ceil(Math.random() * 5000), 3];
  return [
    ...SYMBOLS.map(tick),
    { type: "candle", symbol: "NSE:RELIANCE", interval: "15m", t: Math.floor(Date.now() / 900_000) * 900, o: c, h: c + 1, l: c - 1, c, v: 1000, oi: null, closed: false },
    { type: "depth", symbol: "NSE:RELIANCE", seq, bids: [1, 2, 3, 4, 5].map((i) => level(c - i / 20)), asks: [1, 2, 3, 4, 5].map((i) => level(c + i / 20)), ts: Date.now() },
  ];
}

async function newUser() {
  const person = { email: `trace-${Date.now()}@example.com`, password: `Pw-${Math.random().toString(36).slice(2)}-long` };
  const call = async (path, body, token) => {
    const answer = await fetch(`${stack}/api/v1${path}`, { method: "POST", headers: { "Content-Type": "application/json", ...(token ? { Authorization: `Bearer ${token}` } : {}) }, body: JSON.stringify(body) });
    if (!answer.ok) throw new Error(`${path}: ${answer.status} ${await answer.text()}`);
    return answer.json();
  };
  await call("/auth/register", person);
  const { access_token: token } = await call("/auth/login", person);
  await call("/watchlists", { name: "Fifty", symbols: SYMBOLS }, token);
  return person;
}

/**
 * Processor time of the page's main thread, and its longest task, from a trace of the browser.
 *
 * `tdur` is time on the processor: what other processes take away on a busy machine is not in it.
 */
function mainThread(events) {
  const mains = new Set(events.filter(({ name, args }) => name === "thread_name" && args?.name === "CrRendererMain").map(({ pid, tid }) => `${pid}:${tid}`));
  const tasks = new Map();
  for (const { name, ph, pid, tid, tdur = 0, ts } of events) {
    if (ph !== "X" || !/RunTask$/.test(name) || !mains.has(`${pid}:${tid}`)) continue;
    const thread = tasks.get(`${pid}:${tid}`) ?? { busy: 0, longest: 0, over: 0, first: ts, last: ts };
    tasks.set(`${pid}:${tid}`, { busy: thread.busy + tdur, longest: Math.max(thread.longest, tdur), over: thread.over + Number(tdur > 50_000), first: thread.first, last: ts });
  }
  return [...tasks.values()].sort((a, b) => b.busy - a.busy)[0] ?? { busy: 0, longest: 0, over: 0, first: 0, last: 1 };
}

const person = await newUser();
const server = await fakeStream(stack, frame, 1000 / FRAMES);
const result = await withBrowser({}, async ({ page, context }) => {
  await page.goto(`${server.url}/sign-in`);
  await page.getByLabel("Email").fill(person.email);
  await page.getByLabel("Password").fill(person.password);
  await page.getByRole("button", { name: "Sign in" }).click();
  await page.locator(".watchrow").nth(49).waitFor();
  await page.goto(`${server.url}/chart/NSE%3ARELIANCE`);
  await page.locator(".canvas[data-updates]").waitFor();
  await page.evaluate(() => {
    globalThis.longFrames = [];
    new PerformanceObserver((list) => {
      for (const { startTime, duration } of list.getEntries()) globalThis.longFrames.push({ startTime, duration });
    }).observe({ type: "long-animation-frame" });
  });
  await page.waitForTimeout(WARM_UP_MS);
  const devtools = await context.newCDPSession(page);
  await devtools.send("Performance.enable");
  const read = async () => {
    await devtools.send("HeapProfiler.collectGarbage");
    const { metrics } = await devtools.send("Performance.getMetrics");
    return Object.fromEntries(metrics.map(({ name, value }) => [name, value]));
  };
  const before = await read();
  const sent = seq;
  const began = await page.evaluate(() => performance.now());
  const traced = [];
  devtools.on("Tracing.dataCollected", ({ value }) => traced.push(...value));
  await devtools.send("Tracing.start", { transferMode: "ReportEvents", traceConfig: { includedCategories: ["toplevel", "__metadata"], excludedCategories: ["*"] } });
  const shown = await page.locator(".canvas").getAttribute("data-updates").then(Number);
  await page.waitForTimeout(seconds * 1000);
  const frames = await page.evaluate((from) => globalThis.longFrames.filter(({ startTime }) => startTime > from).map(({ duration }) => duration), began);
  const wall = (await page.evaluate(() => performance.now())) - began;
  const received = seq - sent;
  const painted = await page.locator(".canvas").getAttribute("data-updates").then(Number);
  const over = new Promise((done) => devtools.once("Tracing.tracingComplete", done));
  await devtools.send("Tracing.end");
  await over;
  const thread = mainThread(traced);
  const after = await read();
  const share = (name) => Number((((after[name] - before[name]) * 1000) / wall).toFixed(4));
  return {
    seconds: Math.round(wall / 1000),
    ticks_per_second: Math.round(received / (wall / 1000)),
    chart_paints: painted - shown,
    main_thread_share: Number((thread.busy / (thread.last - thread.first)).toFixed(4)), longest_task_ms: Math.round(thread.longest / 1000), tasks_over_50_ms: thread.over,
    task_wall_share: share("TaskDuration"), script_share: share("ScriptDuration"), layout_share: share("LayoutDuration"), style_share: share("RecalcStyleDuration"),
    frames_over_50_ms: frames.length, longest_frame_ms: Math.round(Math.max(0, ...frames)),
    heap_mb: Number((after.JSHeapUsedSize / 1e6).toFixed(2)), heap_growth_mb: Number(((after.JSHeapUsedSize - before.JSHeapUsedSize) / 1e6).toFixed(2)),
    nodes: after.Nodes, nodes_growth: after.Nodes - before.Nodes, listeners_growth: after.JSEventListeners - before.JSEventListeners,
    chromium: context.browser()?.version() ?? (await devtools.send("Browser.getVersion")).product,
  };
});
server.close();
const missed = Object.entries(GATES).filter(([name, most]) => result[name] > most).map(([name]) => name);
console.log(JSON.stringify({ ...result, missed }));
if (missed.length > 0) process.exitCode = 1;
