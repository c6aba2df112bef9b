import { describe, expect, it } from "vitest";

import type { DayView } from "@/api/generated";

import type { Bar } from "./bars";
import { bandOf, gapsOf, gapWords, hasGaps } from "./gaps";

/** Bars of `day` at 09:15 IST and every hour after that. */
function session(day: string, count = 3): Bar[] {
  const open = Date.parse(`${day}T09:15:00+05:30`) / 1000;
  return Array.from({ length: count }, (_, i) => ({ t: open + i * 3600, o: 1, h: 1, l: 1, c: 1, v: 1, oi: NaN }));
}

const told = (day: string, state: DayView["state"]): DayView => ({ day, state, bars: 0, expected: 375 });

describe("where sessions are lacking", () => {
  const bars = [...session("2026-11-09"), ...session("2026-11-12"), ...session("2026-11-13")];

  it("is between the bars before and after them, however many they are", () => {
    const days = [told("2026-11-09", "complete"), told("2026-11-10", "missing"), told("2026-11-11", "missing"), told("2026-11-12", "complete"), told("2026-11-13", "complete")];
    expect(gapsOf(bars, days)).toEqual([{ from: 2, to: 3, kind: "missing", sessions: 2 }]);
  });

  it("is nowhere for holidays and what was not listed yet", () => {
    expect(gapsOf(bars, [told("2026-11-10", "holiday"), told("2026-11-11", "not_listed")])).toEqual([]);
  });

  it("covers the bars of a session that is partly there", () => {
    expect(gapsOf(bars, [told("2026-11-12", "partial")])).toEqual([{ from: 2.5, to: 5.5, kind: "partial", sessions: 1 }]);
  });

  it("is not said of a session that shows bars, and not beyond the bars", () => {
    const days = [told("2026-11-06", "missing"), told("2026-11-12", "missing"), told("2026-11-13", "partial"), told("2026-11-16", "missing")];
    expect(gapsOf(bars, days)).toEqual([]);
    expect(gapsOf([], days)).toEqual([]);
  });

  it("takes days as India has them: an evening bar belongs to its own day", () => {
    const evening: Bar[] = [...session("2026-11-09"), { ...(session("2026-11-09")[0] as Bar), t: Date.parse("2026-11-09T23:45:00+05:30") / 1000 }, ...session("2026-11-11")];
    expect(gapsOf(evening, [told("2026-11-09", "complete"), told("2026-11-10", "missing")])).toEqual([{ from: 3, to: 4, kind: "missing", sessions: 1 }]);
  });

  it("works for bars of days, which begin at midnight in India", () => {
    const daily = ["2026-11-09", "2026-11-11", "2026-11-12"].map((day) => ({ ...(session(day)[0] as Bar), t: Date.parse(`${day}T00:00:00+05:30`) / 1000 }));
    expect(gapsOf(daily, [told("2026-11-10", "missing")])).toEqual([{ from: 0, to: 1, kind: "missing", sessions: 1 }]);
    expect(["1d", "15m", "1s"].every(hasGaps)).toBe(true);
    expect(["1w", "1M"].some(hasGaps)).toBe(false);
  });
});

it("says what is lacking", () => {
  const missing = { from: 0, to: 1, kind: "missing", sessions: 3 } as const;
  const partial = { from: 0, to: 1, kind: "partial", sessions: 1 } as const;
  expect(gapWords([])).toBe("");
  expect(gapWords([{ ...missing, sessions: 1 }])).toBe("1 session missing");
  expect(gapWords([missing, partial])).toBe("3 sessions missing, 1 incomplete");
  expect(gapWords([partial, partial])).toBe("2 sessions incomplete");
});

it("can be seen where bars are thin, and is no wider than a few where they are fat", () => {
  const missing = { from: 0, to: 1, kind: "missing", sessions: 1 } as const;
  expect(bandOf(missing, 100, 102, 2)).toEqual({ x: 98, width: 6 });
  expect(bandOf(missing, 100, 112, 12)).toEqual({ x: 100, width: 12 });
  expect(bandOf(missing, 100, 200, 100)).toEqual({ x: 138, width: 24 });
  expect(bandOf({ ...missing, kind: "partial" }, 100, 400, 12)).toEqual({ x: 100, width: 300 });
});
