import { act } from "react";
import { afterEach, beforeEach, expect, it, vi } from "vitest";

import { button, click, fakeApi, render, until } from "@/shared/testing";

import { Dock } from "./Dock";
import { usePanes } from "./panes";

vi.mock("@/realtime/stream", () => ({ useChannels: () => undefined, onMessage: () => () => undefined }));

const answers: Record<string, unknown> = {
  "GET /api/v1/users/me/preferences": { items: [], next: null },
  "PUT /api/v1/users/me/preferences/workspace.panes": {},
  "GET /api/v1/trading/accounts": { items: [{ id: "a1", name: "Paper", kind: "paper" }], next: null },
  "GET /api/v1/trading/orders": { items: [{ id: "o1", symbol: "NSE:TCS", side: "sell", quantity: "5", filled_quantity: "2", price: "3500.00", trigger_price: null, state: "partially_filled" }], next: null },
  "DELETE /api/v1/trading/orders/o1": { id: "o1", state: "cancelled" },
  "GET /api/v1/trading/accounts/a1/trades": { items: [{ id: "t1", at: "2026-11-20T05:00:00Z", symbol: "NSE:INFY", side: "buy", quantity: "3", price: "1500.00", value: "4500.00", realised: "0.00" }], next: null },
  "GET /api/v1/trading/accounts/a1/positions": { items: [], next: null },
  "GET /api/v1/alerts": { items: [], next: null },
};
let mounted: Awaited<ReturnType<typeof render>> | null = null;
let width = 1440;

beforeEach(() => {
  localStorage.clear();
  width = 1440;
  vi.stubGlobal("matchMedia", (query: string) => ({ matches: width >= Number(/\d+/.exec(query)?.[0]), addEventListener: () => undefined, removeEventListener: () => undefined }));
});
afterEach(async () => {
  await act(async () => mounted?.root.unmount());
  vi.unstubAllGlobals();
  document.body.replaceChildren();
});

function Whole() {
  const { tab, show, sizes, resize, reset } = usePanes();
  return <Dock tab={tab} show={show} size={sizes.dock} resize={(size) => resize("dock", size)} reset={() => reset("dock")} />;
}
const text = (): string => mounted?.page.textContent ?? "";
const comes = (words: string): Promise<void> => until(() => text().includes(words), words);

it("is closed until a part is asked for, shows each, and closes again", async () => {
  const calls = fakeApi(answers);
  mounted = await render(<Whole />);
  expect(text()).toBe("PositionsOrdersTradesAlerts");
  expect(document.querySelector("[role=separator]")).toBeNull();
  await click(button(document.body, "Orders"));
  await comes("NSE:TCS");
  expect(text()).toContain("partially filled");
  await click(button(document.body, "Cancel"));
  await until(() => calls.some(({ method, path }) => method === "DELETE" && path.endsWith("/o1")), "the cancellation");
  await click(button(document.body, "Trades"));
  await comes("₹4,500.00");
  await click(button(document.body, "Positions"));
  await comes("No position is open.");
  await click(button(document.body, "Alerts"));
  await comes("You have no alerts.");
  expect(document.querySelector("[role=separator]")?.getAttribute("aria-orientation")).toBe("horizontal");
  await until(() => calls.some(({ method, body }) => method === "PUT" && (body as { tab?: string }).tab === "alerts"), "the tab at the server");
  await click(button(document.body, "Alerts"));
  await until(() => document.querySelector("[role=separator]") === null, "the closed dock");
});

it("is not there where the screen is small", async () => {
  width = 1199;
  fakeApi(answers);
  mounted = await render(<Whole />);
  expect(text()).toBe("");
});
