import { act, useState } from "react";
import { afterEach, expect, it, vi } from "vitest";

import type { LegView, OptionChainView } from "@/api/generated";
import { button, click, enter, fakeApi, render, until } from "@/shared/testing";

import { added, changed, type Entry, greeksOf, MOST_LEGS, refreshed } from "./basket";
import { Basket } from "./Basket";

vi.mock("@/realtime/stream", () => ({ useChannels: () => undefined, onMessage: () => () => undefined }));

const PREVIEW = "POST /api/v1/trading/orders/preview";
const GROUPS = "POST /api/v1/trading/order-groups";
const leg = (symbol: string, change: Partial<LegView> = {}): LegView => ({
  symbol, ltp: 200, bid: 199.5, ask: 200.5, iv: 0.13, delta: 0.5, gamma: 0.001, theta: -8, vega: 20, lot_size: 75, live: true, stale: false, oi: 1, oi_change: 0, prev_close: 190, volume: 1, age_ms: 1, source: null, ...change,
});
const CALL = leg("NFO:NIFTY26NOV26000CE");
const HIGHER = leg("NFO:NIFTY26NOV26500CE", { ltp: 60, bid: 59.8, ask: 60.2, delta: 0.2 });
const chain = { underlying: "NIFTY", expiry: "2026-11-26", spot: 26_010, forward: 26_050, days_to_expiry: 8, rate: 0.065, strikes: [{ strike: 26_000, call: CALL, put: null }, { strike: 26_500, call: HIGHER, put: null }] } as unknown as OptionChainView;
const preview = (blocked: string, more = {}) => ({ blocked, charges_total: "20.10", available: "100000.00", failures: [], charges: {}, margin: "0", premium: "0", ok: true, worst_price: "0", ...more });
const account = { id: "a1", name: "Paper", kind: "paper" };
let mounted: Awaited<ReturnType<typeof render>> | null = null;

afterEach(async () => {
  await act(async () => mounted?.root.unmount());
  document.body.replaceChildren();
});

const SPREAD = added(added([], { type: "call", strike: 26_000, view: CALL }, 1), { type: "call", strike: 26_500, view: HIGHER }, -1);

function Kept({ first }: { first: Entry[] }) {
  const [basket, setBasket] = useState(first);
  return <Basket chain={chain} basket={basket} change={setBasket} />;
}

async function open(answers: Record<string, unknown>, first = SPREAD) {
  const calls = fakeApi({ "GET /api/v1/trading/accounts": { items: [account], next: null }, ...answers });
  mounted = await render(<Kept first={first} />);
  return calls;
}

const text = (): string => mounted?.page.textContent ?? "";
const placing = (): HTMLButtonElement | undefined => [...document.querySelectorAll("button")].find((each) => each.textContent?.startsWith("Place"));

it("takes what the other side offers, and nets lots of the same option", () => {
  expect(SPREAD.map(({ lots, price }) => [lots, price])).toEqual([[1, "200.50"], [-1, "59.80"]]);
  expect(added(SPREAD, { type: "call", strike: 26_000, view: CALL }, 1)[0]?.lots).toBe(2);
  expect(added(SPREAD, { type: "call", strike: 26_000, view: CALL }, -1)).toHaveLength(1);
  expect(added([], { type: "put", strike: 1, view: leg("x", { bid: null, ask: 0, ltp: null }) }, 1)[0]?.price).toBe("");
});

it("takes no more legs than a group may have", () => {
  const full = Array.from({ length: MOST_LEGS }, (_, i) => i).reduce<Entry[]>((all, i) => added(all, { type: "call", strike: i, view: leg(`o${i}`) }, 1), []);
  expect(added(full, { type: "put", strike: 1, view: leg("one more") }, 1)).toHaveLength(MOST_LEGS);
});

it("keeps what is known of a leg that the chain no longer shows, and half a lot is none", () => {
  const moved = { ...chain, strikes: [{ strike: 26_000, call: leg(CALL.symbol, { iv: 0.2 }), put: null }] };
  expect(refreshed(SPREAD, moved).map(({ view }) => view.iv)).toEqual([0.2, 0.13]);
  expect(changed(SPREAD, CALL.symbol, { lots: 0.5 })).toHaveLength(1);
});

it("adds the Greeks up with their signs, and does not when one is not known", () => {
  expect(greeksOf(SPREAD).delta).toBeCloseTo(75 * 0.3);
  expect(greeksOf([...SPREAD, ...added([], { type: "put", strike: 1, view: leg("p", { vega: null }) }, 1)]).vega).toBeNull();
});

it("shows what may be won and lost, what it blocks, and places it as one basket", async () => {
  const calls = await open({ [PREVIEW]: preview("15037.60"), [GROUPS]: { id: "g", orders: [{}, {}] } });
  await until(() => placing()?.disabled === false, "the preview");
  // Paid 200.50, got 59.80, of 75: 10,552.50 at stake, 500 between the strikes.
  for (const said of ["You pay10,552.50", "Most to win26,948", "Most to lose10,553", "Breakeven26,140.70", "Delta+22.5", "₹30,075.20", "₹40.20"]) expect(text()).toContain(said);
  expect(mounted?.page.querySelector("svg")?.getAttribute("aria-label")).toContain("most to win 26,948, most to lose 10,553, breakeven 26,140.70");
  await click(placing());
  await until(() => text().includes("2 orders are on their way"), "the word of it");
  const order = { symbol: CALL.symbol, side: "buy", quantity: "75", order_type: "limit", price: "200.50", product: "nrml" };
  expect(calls.find(({ path }) => path.endsWith("order-groups"))?.body).toEqual({
    account_id: "a1", kind: "basket", orders: [order, { ...order, symbol: HIGHER.symbol, side: "sell", price: "59.80" }],
  });
  expect(calls.find(({ path }) => path.endsWith("order-groups"))?.key).toMatch(/^[0-9a-f]{32}$/);
  expect(text()).not.toContain("Most to win");
});

it("is not placed with a failing check, without a price, or beyond the account's money", async () => {
  await open({ [PREVIEW]: preview("10", { failures: [{ code: "market_closed", text: "The market is closed.", field: "symbol" }] }) });
  await until(() => text().includes("The market is closed."), "the check");
  expect(placing()?.disabled).toBe(true);
  await enter(document.querySelector('[aria-label="Price of 26,000 call"]'), "");
  expect(text()).toContain("Every leg needs a price.");
  expect(placing()).toBeUndefined();
  await act(async () => mounted?.root.unmount());
  await open({ [PREVIEW]: preview("60000.00") });
  await until(() => text().includes("All legs together need more than you have."), "the sum");
  expect(placing()?.disabled).toBe(true);
});

it("turns a leg round, and can be emptied", async () => {
  await open({ [PREVIEW]: preview("1") });
  await click(button(document.body, "Buy 26,000 call; turn round"));
  expect(text()).toContain("You get");
  await click(button(document.body, "Empty it"));
  expect(text()).toContain("Nothing is ordered by that.");
});

it("places nothing on an account at the broker", async () => {
  const calls = await open({ "GET /api/v1/trading/accounts": { items: [{ ...account, kind: "live" }], next: null } });
  await until(() => text().includes("Baskets are placed on paper only."), "the reason");
  expect(placing()).toBeUndefined();
  expect(calls.some(({ method }) => method === "POST")).toBe(false);
});
