import { act } from "react";
import { afterEach, beforeEach, expect, it, vi } from "vitest";

import { button, click, fakeApi, render, until } from "@/shared/testing";

import { EquityCurve } from "./EquityCurve";

const drawn = vi.hoisted(() => [] as (readonly number[] | null)[]);
vi.mock("./equityChart", () => ({
  drawEquity: (_node: HTMLElement, _history: unknown, benchmark: readonly number[] | null) => {
    drawn.push(benchmark);
    return () => undefined;
  },
}));

const HISTORY = "GET /api/v1/trading/accounts/a1/portfolio/history";
const CLOSES = "GET /api/v1/candles/NSE_INDEX%3ANIFTY";
const noon = (day: number): number => Date.parse(`2026-11-${day}T12:00:00+05:30`) / 1000;
const history = { timestamp: [noon(18), noon(19), noon(20)], equity: ["1000.00", "1600.00", "1440.00"], profit_loss: ["0.00", "100.00", "-60.00"], base_value: "1000.00", timeframe: "1h" };
const closes = { t: [17, 18, 19].map((day) => noon(day) - 9_900), c: [24_000, 24_600, 25_200] };
let mounted: Awaited<ReturnType<typeof render>> | null = null;

beforeEach(() => drawn.splice(0));
afterEach(async () => {
  await act(async () => mounted?.root.unmount());
  document.body.replaceChildren();
});

async function open(answers: Record<string, unknown>) {
  const calls = fakeApi({ [HISTORY]: history, ...answers });
  mounted = await render(<EquityCurve account="a1" />);
  await until(() => drawn.length > 0, "the curve of the day");
  await click(button(document.body, "1W"));
  return calls;
}
const text = (): string => mounted?.page.textContent ?? "";

it("draws NIFTY 50 from the curve's start, and says what was paid in", async () => {
  await open({ [CLOSES]: closes });
  await until(() => text().includes("NIFTY 50 +5.00%, from the same start"), "the benchmark");
  await until(() => drawn.at(-1) !== null, "its line");
  expect(drawn.at(-1)?.map(Math.round)).toEqual([1000, 1025, 1050]);
  expect(text()).toContain("19 Nov 2026: ▲ ₹500.00 paid in");
  expect(text()).toContain("deepest -10.00%");
  expect(document.querySelector("[role=img]")?.getAttribute("aria-label")).toBe("From ₹1,000.00 to ₹1,440.00, NIFTY 50 +5.00%, deepest draw-down -10.00%");
});

it("says that no close is stored, and draws no line", async () => {
  await open({ [CLOSES]: { t: [], c: [] } });
  await until(() => text().includes("No daily close of NIFTY 50 as old as this curve is stored"), "the word");
  expect(drawn.every((each) => each === null)).toBe(true);
});

it("shows the curve when the closes cannot be read", async () => {
  await open({});
  await until(() => text().includes("The daily closes of NIFTY 50 could not be read"), "the word");
  expect(text()).toContain("Draw-down, deepest");
});

it("compares nothing within a day, and asks for no closes", async () => {
  const calls = fakeApi({ [HISTORY]: history });
  mounted = await render(<EquityCurve account="a1" />);
  await until(() => drawn.length > 0, "the curve of the day");
  expect(calls.some(({ path }) => path.includes("candles"))).toBe(false);
  expect(text()).not.toContain("NIFTY");
});
