import { describe, expect, it } from "vitest";

import type { CandleMessage } from "@/realtime/protocol";

import { type Bar, prepend, withLive } from "./bars";
import { ema, rsi, sma } from "./indicators";

const bar = (t: number, c = 10): Bar => ({ t, o: c, h: c + 1, l: c - 1, c, v: 100 });
const live = (t: number, c: number, closed = false): CandleMessage => ({
  type: "candle", symbol: "A", interval: "1m", t, o: c, h: c, l: c, c, v: 5, oi: null, closed,
});

describe("bars", () => {
  it("puts older bars in front without doubling", () => {
    expect(prepend([bar(1), bar(2), bar(3)], [bar(3), bar(4)]).map(({ t }) => t)).toEqual([1, 2, 3, 4]);
    expect(prepend([bar(1)], [])).toHaveLength(1);
  });
  it("adds a bar that begins", () => {
    const bars = [bar(60)];
    expect(withLive(bars, live(120, 11))).toBe(true);
    expect(bars).toHaveLength(2);
  });
  it("keeps what is stored of a forming bar", () => {
    const bars = [bar(60)];
    withLive(bars, live(60, 14));
    expect(bars).toEqual([{ t: 60, o: 10, h: 14, l: 9, c: 14, v: 100 }]);
  });
  it("believes a closed bar", () => {
    const bars = [bar(60)];
    withLive(bars, live(60, 10.5, true));
    expect(bars).toEqual([{ t: 60, o: 10.5, h: 10.5, l: 10.5, c: 10.5, v: 5 }]);
  });
  it("ignores a bar of the past", () => {
    const bars = [bar(60), bar(120)];
    expect(withLive(bars, live(60, 99))).toBe(false);
    expect(bars[0]).toEqual(bar(60));
  });
});

describe("indicators", () => {
  it("averages", () => expect(sma([1, 2, 3, 4], 2)).toEqual([NaN, 1.5, 2.5, 3.5]));
  it("seeds the EMA with the SMA", () => expect(ema([1, 2, 3, 4, 5], 3)).toEqual([NaN, NaN, 2, 3, 4]));
  it("has the RSI of Wilder's own example", () => {
    const closes = [44.34, 44.09, 44.15, 43.61, 44.33, 44.83, 45.1, 45.42, 45.84, 46.08, 45.89, 46.03, 45.61, 46.28, 46.28, 46.0];
    const values = rsi(closes, 14);
    expect(values.slice(0, 14).every(Number.isNaN)).toBe(true);
    expect(values[14]).toBeCloseTo(70.46, 1);
    expect(values[15]).toBeCloseTo(66.25, 1);
  });
  it("knows a market that only rises, and one that stands still", () => {
    expect(rsi([1, 2, 3, 4], 2).at(-1)).toBe(100);
    expect(rsi([5, 5, 5, 5], 2).at(-1)).toBe(50);
  });
});
