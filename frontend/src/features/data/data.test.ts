import { describe, expect, it } from "vitest";

import type { DayView } from "@/api/generated";

import { actionsFor } from "./BackfillCard";
import { symbolsIn } from "./BackfillForm";
import { heatCells, heatStep, months } from "./heat";

const on = (day: string, state: DayView["state"] = "complete", bars = 375): DayView => ({ day, state, reason: null, bars, expected: 375 });

describe("the calendar", () => {
  it("has weeks that begin on Monday", () => {
    const cells = heatCells([on("2026-11-19"), on("2026-11-20"), on("2026-11-22"), on("2026-11-23")]);
    expect(cells.map(({ column, row }) => [column, row])).toEqual([[0, 3], [0, 4], [0, 6], [1, 0]]);
  });
  it("tells nothing, something and everything apart", () => {
    expect([on("2026-11-19", "missing", 0), on("2026-11-19", "partial", 1), on("2026-11-19", "partial", 374), on("2026-11-19"), on("2026-11-19", "holiday", 0)].map(heatStep)).toEqual([0, 1, 3, 4, null]);
  });
  it("names each month once, never two over one column", () => {
    expect(months(heatCells([on("2026-10-29"), on("2026-11-02"), on("2026-11-09")])).map(({ name }) => name)).toEqual(["Oct", "Nov"]);
  });
});

describe("backfills", () => {
  it("reads symbols as people type them", () => expect(symbolsIn(" nse:infy, NSE:INFY\nnse_index:nifty ")).toEqual(["NSE:INFY", "NSE_INDEX:NIFTY"]));
  it("offers only what can be done", () => {
    expect(actionsFor({ state: "running", chunks_failed: 0 })).toEqual(["Pause", "Cancel"]);
    expect(actionsFor({ state: "paused", chunks_failed: 0 })).toEqual(["Resume", "Cancel"]);
    expect(actionsFor({ state: "done", chunks_failed: 0 })).toEqual([]);
    expect(actionsFor({ state: "done", chunks_failed: 2 })).toEqual(["Retry"]);
  });
});
