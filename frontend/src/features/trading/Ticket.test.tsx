import { act } from "react";
import { afterEach, expect, it, vi } from "vitest";

import type { NewOrder } from "@/api/generated";
import { button, type Call, click, enter, fakeApi, render, until } from "@/shared/testing";

import { Ticket } from "./Ticket";

vi.mock("@/realtime/stream", () => ({ useChannels: () => undefined, onMessage: () => () => undefined }));

const ORDERS = "POST /api/v1/trading/orders";
const LOST_PAUSES_MS = 60_000;
const down = (): Response => Response.json({ code: "trading_unavailable", detail: "The trading service cannot be reached.", request_id: "r" }, { status: 503 });
const preview = { blocked: "1450.00", charges: {}, charges_total: "1.00", available: "100000.00", failures: [], ok: true, margin: "0", premium: "0", worst_price: "1450" };
let mounted: Awaited<ReturnType<typeof render>> | null = null;

afterEach(async () => {
  vi.useRealTimers();
  await act(async () => mounted?.root.unmount());
  document.body.replaceChildren();
});

const text = (): string => mounted?.page.textContent ?? "";
const placed = (calls: Call[]): Call[] => calls.filter(({ method, path }) => method === "POST" && path.endsWith("/orders"));
const shown = (wished: Pick<NewOrder, "side"> | null = null) => <Ticket symbol="NSE:RELIANCE" lot={1} derivative={false} wished={wished} />;

const PAPER = { id: "a1", name: "Paper", kind: "paper" };
const LIVE = { id: "a2", name: "Mine", kind: "live" };

async function open(answers: Record<string, unknown>, wished: Pick<NewOrder, "side"> | null = null, accounts: unknown[] = [PAPER]): Promise<Call[]> {
  answers["GET /api/v1/trading/accounts"] = { items: accounts, next: null };
  answers["POST /api/v1/trading/orders/preview"] = preview;
  const calls = fakeApi(answers);
  mounted = await render(shown(wished));
  await until(() => text().includes("₹1,450.00"), "the preview");
  return calls;
}

it("sends an order whose answer was lost again under its key, and the next one under another", async () => {
  const answers: Record<string, unknown> = { [ORDERS]: down() };
  const calls = await open(answers);
  await click(button(document.body, "Buy on paper"));
  await until(() => text().includes("Unknown – checking whether the order arrived"), "the doubt");
  expect(button(document.body, "Buy on paper")?.disabled).toBe(true);
  answers[ORDERS] = { state: "new", text: "Received, and on its way to the exchange." };
  await until(() => text().includes("on its way to the exchange"), "the answer");
  expect(new Set(placed(calls).map(({ key }) => key)).size).toBe(1);
  expect(placed(calls).length).toBeGreaterThan(1);
  await click(button(document.body, "Buy on paper"));
  await until(() => new Set(placed(calls).map(({ key }) => key)).size === 2, "another order");
});

it("says when nobody knows, and asks for the same under the same key until something else is wanted", async () => {
  const calls = await open({ [ORDERS]: down() });
  vi.useFakeTimers();
  const pass = (): Promise<void> => act(async () => void (await vi.advanceTimersByTimeAsync(LOST_PAUSES_MS)));
  await click(button(document.body, "Buy on paper"));
  await pass();
  expect(text()).toContain("It is not known whether the order arrived");
  expect(text()).not.toContain("cannot be reached");
  await click(button(document.body, "Check again"));
  await pass();
  await click(button(document.body, "Buy on paper"));
  await pass();
  expect(new Set(placed(calls).map(({ key }) => key)).size).toBe(1);
  vi.useRealTimers();
  await enter(document.querySelector("input[type=number]"), "2");
  await until(() => button(document.body, "Buy on paper")?.disabled === false, "the other order's preview");
  await click(button(document.body, "Buy on paper"));
  await until(() => new Set(placed(calls).map(({ key }) => key)).size === 2, "the other order");
});

it("says at once why an order is refused, and sends it once", async () => {
  const refused = Response.json({ code: "insufficient_funds", detail: "It needs more than the account has.", request_id: "r" }, { status: 409 });
  const calls = await open({ [ORDERS]: refused });
  await click(button(document.body, "Buy on paper"));
  await until(() => text().includes("It needs more than the account has."), "the reason");
  expect(placed(calls)).toHaveLength(1);
});

it("has an order of a live account looked over before it is sent, as it was looked over", async () => {
  const calls = await open({ [ORDERS]: { state: "new", text: "On its way to the broker." } }, null, [LIVE]);
  expect(text()).toContain("Live, at the broker");
  expect(text()).not.toContain("on paper");
  await click(button(document.body, "Review: buy at the broker"));
  expect(text()).toContain("BUY 1 NSE:RELIANCE, Market, Delivery: about ₹1,450.00");
  await enter(document.querySelector("input[type=number]"), "2");
  expect(text()).not.toContain("BUY 1 NSE:RELIANCE");
  await until(() => button(document.body, "Review: buy at the broker")?.disabled === false, "the other order's preview");
  await click(button(document.body, "Review: buy at the broker"));
  await click(button(document.body, "Back"));
  await click(button(document.body, "Review: buy at the broker"));
  expect(placed(calls)).toEqual([]);
  await click(button(document.body, "Buy at the broker"));
  await until(() => text().includes("On its way to the broker."), "the answer");
  expect(placed(calls).map(({ body }) => body)).toMatchObject([{ account_id: "a2", quantity: "2", side: "buy" }]);
  expect(button(document.body, "Review: buy at the broker")).toBeDefined();
});

it("is for paper until a live account is chosen", async () => {
  await open({}, null, [LIVE, PAPER]);
  expect(button(document.body, "Buy on paper")).toBeDefined();
});

it("takes the side that was asked for elsewhere, and leaves it to the user after that", async () => {
  await open({}, { side: "sell" });
  expect(button(document.body, "Sell on paper")).toBeDefined();
  await click(button(document.body, "Buy"));
  expect(button(document.body, "Buy on paper")).toBeDefined();
});
