import { describe, expect, it } from "vitest";

import type { CandleMessage } from "@/realtime/protocol";

import { type Bar, indexAt, prepend, withLive } from "./bars";

const bar = (t: number, c = 10): Bar => ({ t, o: c, h: c + 1, l: c - 1, c, v: 100, oi: NaN });
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
    expect(bars).toEqual([{ t: 60, o: 10, h: 14, l: 9, c: 14, v: 100, oi: NaN }]);
  });
  it("believes a closed bar", () => {
    const bars = [bar(60)];
    withLive(bars, live(60, 10.5, true));
    expect(bars).toEqual([{ t: 60, o: 10.5, h: 10.5, l: 10.5, c: 10.5, v: 5, oi: NaN }]);
  });
  it("ignores a bar of the past", () => {
    const bars = [bar(60), bar(120)];
    expect(withLive(bars, live(60, 99))).toBe(false);
    expect(bars[0]).toEqual(bar(60));
  });
  it.each([[59, null], [60, 0], [119, 0], [120, 1], [999, 2]])("finds the bar of %i", (t, index) => {
    expect(indexAt([bar(60), bar(120), bar(180)], t)).toBe(index);
    expect(indexAt([], t)).toBeNull();
  });
});
