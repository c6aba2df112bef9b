import { expect, it } from "vitest";

import type { HistoryView } from "@/api/generated";

import { benchmarkOf, drawDown, movesOf } from "./equity";

/** A curve of points at the given seconds; `paid` is what had been paid in by then. */
function curve(timestamp: number[], equity: number[], paid: number[] = equity.map(() => equity[0] ?? 0)): HistoryView {
  const money = (value: number): string => value.toFixed(2);
  return { timestamp, equity: equity.map(money), profit_loss: equity.map((value, i) => money(value - (paid[i] ?? 0))), base_value: money(equity[0] ?? 0), timeframe: "1d" };
}
const ist = (said: string): number => Date.parse(`${said}+05:30`) / 1000;

it("finds what was paid in and out, to the paisa", () => {
  const history = curve([1, 2, 3, 4], [1000, 1500.1, 1490, 990], [1000, 1500.1, 1500.1, 1000.1]);
  expect(movesOf(history)).toEqual([{ at: 1, time: 2, amount: "500.10" }, { at: 3, time: 4, amount: "-500.00" }]);
  expect(movesOf(curve([1, 2], [1000, 900]))).toEqual([]);
});

it("measures the draw-down without what was paid in or out", () => {
  const shown = (history: HistoryView): string[] => drawDown(history).map((value) => Math.abs(value).toFixed(2));
  expect(shown(curve([1, 2, 3, 4], [100, 120, 90, 120]))).toEqual(["0.00", "0.00", "25.00", "0.00"]);
  // 100 paid in at the bottom is no recovery, half paid out at the top no loss.
  expect(shown(curve([1, 2, 3, 4], [100, 50, 150, 75], [100, 100, 200, 125]))).toEqual(["0.00", "50.00", "50.00", "50.00"]);
  expect(shown(curve([1, 2], [0, 100], [0, 100]))).toEqual(["0.00", "0.00"]);
});

it("follows an index from the first point, by closes that were known then", () => {
  const closes = { t: ["2026-11-17T09:15", "2026-11-18T09:15", "2026-11-19T00:00"].map(ist), c: [24_000, 25_200, 22_800] };
  const times = ["2026-11-18T10:00", "2026-11-18T15:29", "2026-11-18T15:30", "2026-11-19T15:29", "2026-11-20T09:00"].map(ist);
  const found = benchmarkOf(curve(times, [1000, 1, 1, 1, 1]), closes);
  expect(found?.map(Math.round)).toEqual([1000, 1000, 1050, 1050, 950]);
});

it("compares with nothing when no close is as old as the curve", () => {
  const day = ist("2026-11-18T10:00");
  expect(benchmarkOf(curve([day], [1000]), { t: [ist("2026-11-18T09:15")], c: [25_000] })).toBeNull();
  expect(benchmarkOf(curve([day], [1000]), { t: [], c: [] })).toBeNull();
  expect(benchmarkOf(curve([day], [1000]), undefined)).toBeNull();
  expect(benchmarkOf(curve([], []), { t: [1], c: [1] })).toBeNull();
});
