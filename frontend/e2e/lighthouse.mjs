// Lighthouse's figures for the built app: node e2e/lighthouse.mjs <url>. Exit code 1 when performance < 90 or accessibility < 95.
//
// With LIGHTHOUSE naming an installed copy of the package (npm i --prefix DIR lighthouse@12; LIGHTHOUSE=DIR/node_modules/lighthouse)
// Lighthouse itself measures. Without it we measure the same quantities with its desktop throttling and score them with its
// curves and weights; the Speed Index, which needs a video, is taken as the mean of FCP and LCP. Accessibility is then the share
// of axe's rules that pass, weighted by impact.
import { readFileSync } from "node:fs";
import { createServer } from "node:net";
import { pathToFileURL } from "node:url";
import { withBrowser } from "./browser.mjs";

const [url] = process.argv.slice(2);
const GATES = { performance: 90, accessibility: 95 };
const DEMO = { email: "demo@example.com", password: "breezeway-demo" };
const PAGES = { "sign-in": "/sign-in", workspace: "/chart/NSE%3ARELIANCE", portfolio: "/portfolio" };
const axe = readFileSync(new URL("../node_modules/axe-core/axe.min.js", import.meta.url), "utf8");
/** Lighthouse 12, desktop: score 0.9 at the first value, 0.5 at the second; then the weight. */
const CURVES = { fcp: [934, 1600, 10], si: [1311, 2300, 10], lcp: [1200, 2400, 25], tbt: [150, 350, 30], cls: [0.1, 0.25, 25] };
const WEIGHTS = { critical: 10, serious: 7, moderate: 3, minor: 1 };
const THROTTLED = { offline: false, latency: 40, downloadThroughput: 10_240_000 / 8, uploadThroughput: 10_240_000 / 8 };

/** Complementary error function, to seven digits (Abramowitz and Stegun 7.1.26). */
function erfc(x) {
  const t = 1 / (1 + 0.3275911 * Math.abs(x));
  const value = t * (0.254829592 + t * (-0.284496736 + t * (1.421413741 + t * (-1.453152027 + t * 1.061405429)))) * Math.exp(-x * x);
  return x < 0 ? 2 - value : value;
}

/** Lighthouse's log-normal curve: 0.9 at `good`, 0.5 at `median`. */
function score(value, good, median) {
  if (value <= 0) return 1;
  const INVERSE_OF_ONE_FIFTH = 0.9061938024368232;
  return Math.min(1, Math.max(0, erfc(((Math.log(value) - Math.log(median)) / (Math.log(median) - Math.log(good))) * INVERSE_OF_ONE_FIFTH) / 2));
}

/** Observe from the very beginning of a page; Lighthouse's blocking time is what tasks have over 50 ms after the first paint. */
function observe() {
  const seen = (globalThis.vitals = { fcp: 0, lcp: 0, cls: 0, tasks: [] });
  const on = (type, act) => new PerformanceObserver((list) => list.getEntries().forEach(act)).observe({ type, buffered: true });
  on("paint", (entry) => entry.name === "first-contentful-paint" && (seen.fcp = entry.startTime));
  on("largest-contentful-paint", (entry) => (seen.lcp = entry.startTime));
  on("layout-shift", (entry) => (seen.cls += entry.hadRecentInput ? 0 : entry.value));
  on("longtask", (entry) => seen.tasks.push([entry.startTime, entry.duration]));
}

async function ours({ context, page }, address) {
  const devtools = await context.newCDPSession(page);
  await devtools.send("Network.enable");
  await devtools.send("Network.setCacheDisabled", { cacheDisabled: true });
  await devtools.send("Network.emulateNetworkConditions", THROTTLED);
  await page.goto(address, { waitUntil: "load" });
  await page.waitForTimeout(5_000);
  const { fcp, lcp, cls, tasks } = await page.evaluate(() => globalThis.vitals);
  const tbt = tasks.filter(([start]) => start > fcp).reduce((sum, [, duration]) => sum + duration - 50, 0);
  const values = { fcp, si: (fcp + lcp) / 2, lcp, tbt, cls };
  const weighed = Object.entries(CURVES).map(([name, [good, median, weight]]) => score(values[name], good, median) * weight);
  await devtools.detach();
  await page.evaluate(axe);
  const found = await page.evaluate(() => globalThis.axe.run(document));
  const weight = (rules) => rules.reduce((sum, { impact }) => sum + (WEIGHTS[impact] ?? 7), 0);
  const [bad, good] = [weight(found.violations), weight(found.passes)];
  return {
    performance: Math.round(weighed.reduce((sum, part) => sum + part, 0)), accessibility: Math.round((100 * good) / (good + bad)),
    fcp: Math.round(fcp), lcp: Math.round(lcp), tbt: Math.round(tbt), cls: Number(cls.toFixed(3)), findings: found.violations.map(({ id }) => id),
  };
}

async function theirs(lighthouse, port, address) {
  const config = { extends: "lighthouse:default", settings: { formFactor: "desktop", screenEmulation: { disabled: true }, throttling: { rttMs: 40, throughputKbps: 10_240, cpuSlowdownMultiplier: 1 }, onlyCategories: Object.keys(GATES) } };
  const { lhr } = await lighthouse(address, { port, disableStorageReset: true }, config);
  const audit = (id) => Math.round(lhr.audits[id].numericValue ?? 0);
  return {
    performance: Math.round(lhr.categories.performance.score * 100), accessibility: Math.round(lhr.categories.accessibility.score * 100),
    fcp: audit("first-contentful-paint"), lcp: audit("largest-contentful-paint"), tbt: audit("total-blocking-time"), cls: Number(lhr.audits["cumulative-layout-shift"].numericValue.toFixed(3)),
    findings: lhr.categories.accessibility.auditRefs.filter(({ id, weight }) => weight > 0 && lhr.audits[id].score === 0).map(({ id }) => id),
  };
}

async function freePort() {
  const server = createServer();
  await new Promise((done) => server.listen(0, "127.0.0.1", done));
  const { port } = server.address();
  await new Promise((done) => server.close(done));
  return port;
}

const place = process.env.LIGHTHOUSE;
const { default: lighthouse } = place ? await import(pathToFileURL(`${place}/core/index.js`)) : { default: null };
const port = await freePort();
await withBrowser({ moreArgs: place ? [`--remote-debugging-port=${port}`] : [] }, async (browser) => {
  const { page } = browser;
  await page.addInitScript(observe);
  for (const [name, path] of Object.entries(PAGES)) {
    if (name === "workspace") {
      await page.goto(`${url}/sign-in`);
      await page.getByLabel("Email").fill(DEMO.email);
      await page.getByLabel("Password").fill(DEMO.password);
      await page.getByRole("button", { name: "Sign in" }).click();
      await page.getByRole("navigation", { name: "Pages" }).waitFor();
    }
    const result = lighthouse ? await theirs(lighthouse, port, url + path) : await ours(browser, url + path);
    const missed = Object.entries(GATES).filter(([gate, least]) => result[gate] < least).map(([gate]) => gate);
    console.log(JSON.stringify({ page: name, by: lighthouse ? "Lighthouse" : "the same curves", ...result, missed }));
    if (missed.length > 0) process.exitCode = 1;
  }
});
