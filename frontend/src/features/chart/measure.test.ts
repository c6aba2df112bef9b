import { expect, it } from "vitest";

import type { Bar } from "./bars";
import { figureWords, measured } from "./measure";

const bars = [0, 60, 120, 180, 240].map((t): Bar => ({ t, o: 1, h: 1, l: 1, c: 1, v: 0, oi: NaN }));
const ruler = (t: number, price: number, to: number, other: number) => ({ kind: "measure" as const, from: { t, price }, to: { t: to, price: other } });

it("measures change, percent, bars and time", () => {
  expect(measured(ruler(60, 200, 240, 205), bars)).toEqual({ change: 5, percent: 2.5, bars: 3, seconds: 180 });
  expect(measured(ruler(240, 200, 60, 190), bars)).toEqual({ change: -10, percent: -5, bars: -3, seconds: -180 });
  expect(measured(ruler(0, 0, 60, 5), bars).percent).toBeNull();
});

it("says it", () => {
  expect(figureWords({ change: 5, percent: 2.5, bars: 3, seconds: 180 }, 2)).toEqual(["+5.00 (+2.50%)", "3 bars, 3m 00s"]);
  expect(figureWords({ change: -0.0125, percent: -0.5, bars: -1, seconds: -90_000 }, 4)).toEqual(["-0.0125 (-0.50%)", "-1 bar, -1d 1h 00m"]);
  expect(figureWords({ change: 0, percent: null, bars: 7, seconds: 604_800 }, 2)).toEqual(["0.00 (–)", "7 bars, 7d"]);
  expect(figureWords({ change: 0, percent: 0, bars: 0, seconds: 0 }, 2)[1]).toBe("0 bars, 0s");
});
