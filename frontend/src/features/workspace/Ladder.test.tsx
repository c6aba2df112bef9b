import { act } from "react";
import { afterEach, beforeEach, expect, it, vi } from "vitest";

import { button, type Call, enter, fakeApi, render, until } from "@/shared/testing";

import { ARMED_MS } from "./arming";
import Ladder from "./Ladder";

const feed = vi.hoisted(() => ({ state: "live", set: (state: string): void => void state }));
vi.mock("@/realtime/stream", async () => {
  const { useSyncExternalStore } = await import("react");
  const { TickStore } = await import("@/realtime/tickStore");
  const listeners = new Set<() => void>();
  feed.set = (state) => {
    feed.state = state;
    listeners.forEach((listener) => listener());
  };
  return {
    ticks: new TickStore((callback) => callback()),
    useChannels: () => undefined,
    onMessage: () => () => undefined,
    useStreamStatus: () => ({ phase: "live", failures: 0, reason: null }),
    useSilence: () => 0,
    useFeed: () => ({ state: useSyncExternalStore((listener) => (listeners.add(listener), () => listeners.delete(listener)), () => feed.state), reason: null }),
  };
});

const ORDERS = "/api/v1/trading/orders";
const symbol = "NSE:RELIANCE";
const working = { id: "o1", side: "buy", state: "open", price: "99.90", quantity: "10", filled_quantity: "4" };
let mounted: Awaited<ReturnType<typeof render>> | null = null;
let calls: Call[] = [];
let answers: Record<string, unknown> = {};

beforeEach(() => feed.set("live"));
afterEach(async () => {
  vi.useRealTimers();
  await act(async () => mounted?.root.unmount());
  mounted = null;
  document.body.replaceChildren();
});

const text = (): string => mounted?.page.textContent ?? "";
const placed = (): Call[] => calls.filter(({ method, path }) => method === "POST" && path === ORDERS);
const cancelled = (): Call[] => calls.filter(({ method }) => method === "DELETE");
const rung = (price: string): HTMLElement => {
  const found = [...document.querySelectorAll<HTMLElement>(".rung")].find((row) => row.querySelector(".at")?.firstChild?.textContent === price);
  if (!found) throw new Error(`no price ${price}`);
  return found;
};
const prices = (): string[] => [...document.querySelectorAll(".rung .at")].map((at) => at.firstChild?.textContent ?? "");
const press = (target: Element | null, ...events: Event[]): Promise<void> => act(async () => events.forEach((event) => target?.dispatchEvent(event)));
/** Clicks at the given milliseconds, so that a slow machine makes no two orders of a double click. */
const tap = (price: string, part: string, ...at: number[]): Promise<void> =>
  press(rung(price).querySelector(part), ...at.map((value) => Object.defineProperty(new MouseEvent("click", { bubbles: true }), "timeStamp", { value })));
const key = (target: Element, name: string): Promise<void> => press(target, new KeyboardEvent("keydown", { key: name, bubbles: true }));
const armSwitch = (): HTMLButtonElement | null => document.querySelector("[role=switch]");
const isArmed = (): boolean => armSwitch()?.getAttribute("aria-checked") === "true";
const arm = (): Promise<void> => press(armSwitch(), new MouseEvent("click", { bubbles: true }));

async function trades(at: number): Promise<void> {
  const { ticks } = await import("@/realtime/stream");
  ticks.writeTick({ symbol, ltp: at });
  ticks.writeDepth({ type: "depth", symbol, seq: 1, ts: 1, bids: [[at - 0.05, 40, 2], [at - 0.1, 20, 1]], asks: [[at + 0.05, 30, 1]] });
}

async function open(kind = "paper"): Promise<void> {
  answers = {
    "GET /api/v1/trading/accounts": { items: [{ id: "a1", name: "Paper", kind }], next: null },
    [`GET ${ORDERS}`]: { items: [working], next: null },
    [`POST ${ORDERS}`]: { id: "o2", state: "new", text: "Received." },
    [`DELETE ${ORDERS}/o1`]: { id: "o1", state: "cancelled", text: null },
  };
  calls = fakeApi(answers);
  await trades(100);
  mounted = await render(<Ladder instrument={{ symbol, tick_size: "0.05", lot_size: 1 }} derivative={false} />);
  await until(() => document.querySelector(".rung .mine") !== null, "the user's own order");
}

it("shows fixed prices with what waits, the last price and the user's own open quantity", async () => {
  await open();
  expect(prices()).toHaveLength(17);
  expect([prices()[0], prices()[8], prices()[16]]).toEqual(["100.40", "100.00", "99.60"]);
  expect(rung("100.00").dataset.last).toBe("true");
  expect(rung("99.95").querySelector(".buy .waits")?.textContent).toBe("40");
  expect(rung("99.95").querySelector<HTMLElement>(".buy .bar")?.style.transform).toBe("scaleX(1)");
  expect(rung("100.05").querySelector<HTMLElement>(".sell .bar")?.style.transform).toBe("scaleX(0.75)");
  expect(rung("99.90").querySelector(".mine")?.textContent).toBe("yours: 6");
});

it("places and cancels nothing by a click or a key before it is armed", async () => {
  await open();
  expect(isArmed()).toBe(false);
  await tap("99.80", ".buy", 1000);
  await tap("100.20", ".sell", 1000, 1200);
  await tap("99.90", ".mine", 1000);
  await act(async () => rung("99.80").focus());
  for (const name of ["b", "s", "Delete", "Enter"]) await key(rung("99.80"), name);
  expect(text()).toContain("click trading is off");
  await act(async () => void (await new Promise((done) => setTimeout(done, 50))));
  expect([placed(), cancelled()]).toEqual([[], []]);
});

it("places one limit order of the set quantity by a double click, and another one later under another key", async () => {
  await open();
  await enter(document.querySelector("input[type=number]"), "25");
  await arm();
  await tap("99.80", ".buy", 1000, 1200);
  await until(() => placed().length > 0, "the order");
  await tap("99.80", ".buy", 1600);
  await act(async () => void (await new Promise((done) => setTimeout(done, 50))));
  expect(placed()).toHaveLength(1);
  expect(placed()[0]?.body).toEqual({ account_id: "a1", symbol, side: "buy", quantity: "25", order_type: "limit", price: "99.80", trigger_price: null, product: "cnc" });
  await act(async () => rung("100.20").focus());
  await key(rung("100.20"), "s");
  await until(() => placed().length === 2, "the sale");
  expect(placed()[1]?.body).toMatchObject({ side: "sell", price: "100.20" });
  expect(new Set(placed().map((call) => call.key)).size).toBe(2);
});

it("cancels the user's own order by a click on its mark, and places nothing by it", async () => {
  await open();
  await arm();
  await tap("99.90", ".mine", 1000);
  await until(() => cancelled().length > 0, "the cancellation");
  expect(cancelled().map(({ path }) => path)).toEqual([`${ORDERS}/o1`]);
  expect(placed()).toEqual([]);
});

it("is armed for five minutes and no longer, also when the timers are late", async () => {
  await open();
  vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout", "setInterval", "clearInterval", "Date"] });
  await arm();
  expect(isArmed()).toBe(true);
  await act(async () => void (await vi.advanceTimersByTimeAsync(ARMED_MS - 1000)));
  expect(isArmed()).toBe(true);
  expect(text()).toContain("ends in 0:01");
  await act(async () => void (await vi.advanceTimersByTimeAsync(1000)));
  expect(isArmed()).toBe(false);
  expect(text()).toContain("Ended: five minutes have passed.");
  await tap("99.80", ".buy", 1000);
  await arm();
  vi.setSystemTime(Date.now() + ARMED_MS);
  await tap("99.80", ".buy", 1000);
  vi.useRealTimers();
  expect(placed()).toEqual([]);
});

it("ends when the prices are stale, and cannot be armed until they come again", async () => {
  await open();
  await arm();
  await act(async () => feed.set("stalled"));
  expect(isArmed()).toBe(false);
  expect(text()).toContain("Not possible now: stale prices.");
  expect(armSwitch()?.disabled).toBe(true);
  await act(async () => feed.set("live"));
  expect([isArmed(), armSwitch()?.disabled]).toEqual([false, false]);
});

it("begins unarmed with another instrument", async () => {
  await open();
  await arm();
  const { ticks } = await import("@/realtime/stream");
  ticks.writeTick({ symbol: "NSE:INFY", ltp: 50 });
  const { MemoryRouter } = await import("react-router");
  const { QueryClient, QueryClientProvider } = await import("@tanstack/react-query");
  await act(async () => mounted?.root.render(
    <QueryClientProvider client={new QueryClient()}><MemoryRouter><Ladder instrument={{ symbol: "NSE:INFY", tick_size: "0.05", lot_size: 1 }} derivative={false} /></MemoryRouter></QueryClientProvider>,
  ));
  await until(() => prices()[8] === "50.00", "the other instrument");
  await until(() => armSwitch() !== null, "the switch");
  expect(isArmed()).toBe(false);
});

it("sends an order whose answer was lost again under its key, and is not armed while nobody knows", async () => {
  await open();
  answers[`POST ${ORDERS}`] = Response.json({ code: "trading_unavailable", detail: "Cannot be reached.", request_id: "r" }, { status: 503 });
  await arm();
  vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout", "setInterval", "clearInterval", "Date"] });
  await tap("99.80", ".buy", 1000);
  await act(async () => void (await vi.advanceTimersByTimeAsync(60_000)));
  expect(placed().length).toBeGreaterThan(1);
  expect(new Set(placed().map((call) => call.key)).size).toBe(1);
  expect(text()).toContain("It is not known whether the order arrived");
  expect(isArmed()).toBe(false);
  vi.useRealTimers();
  answers[`POST ${ORDERS}`] = { id: "o2", state: "new", side: "buy", quantity: "1", price: "99.80", text: "Received." };
  await press(button(document.body, "Check again") ?? null, new MouseEvent("click", { bubbles: true }));
  await until(() => text().includes("Buy 1 at 99.80: Received."), "the answer");
  expect(text()).not.toContain("whether the order arrived");
  expect(new Set(placed().map((call) => call.key)).size).toBe(1);
});

it("never trades in a live account", async () => {
  await open("live");
  expect(armSwitch()).toBeNull();
  expect(text()).toContain("Click trading is for paper accounts only");
  await tap("99.80", ".buy", 1000, 1200);
  expect(placed()).toEqual([]);
});

it("does not move under the pointer or the focus, and recentres on Space", async () => {
  await open();
  const grid = document.querySelector("[role=grid]");
  const shown = prices();
  await press(grid, new PointerEvent("pointerover", { bubbles: true }));
  await act(async () => trades(105));
  await until(() => document.querySelector("[data-away]") !== null, "the word that the price is elsewhere");
  expect(prices()).toEqual(shown);
  await act(async () => rung("100.00").focus());
  await press(grid, new PointerEvent("pointerout", { bubbles: true }));
  expect(prices()).toEqual(shown);
  await key(rung("100.00"), "ArrowUp");
  expect(document.activeElement).toBe(rung("100.05"));
  await key(rung("100.05"), " ");
  expect(prices()[8]).toBe("105.00");
  expect(document.activeElement).toBe(rung("105.00"));
  await act(async () => (document.activeElement as HTMLElement).blur());
  await act(async () => trades(200));
  await until(() => prices()[8] === "200.00", "the price in the middle, now that nobody holds the ladder");
});

it("stays where the user looks until the last price is asked for", async () => {
  await open();
  await press(button(document.body, "Lower") ?? null, new MouseEvent("click", { bubbles: true }));
  await act(async () => trades(100.2));
  await until(() => document.querySelector("[data-away]") !== null, "the word that the price is elsewhere");
  expect(prices()[0]).toBe("100.00");
  await press(button(document.body, "To the last price") ?? null, new MouseEvent("click", { bubbles: true }));
  expect(prices()[8]).toBe("100.20");
});
