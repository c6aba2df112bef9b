import { expect, it } from "vitest";

import { sparkline } from "./sparkline";
import { freeName, moved } from "./watchlist";

it.each([
  [0, 2, ["b", "c", "a"]],
  [2, 0, ["c", "a", "b"]],
  [1, 1, ["a", "b", "c"]],
  [0, -1, ["a", "b", "c"]],
  [2, 3, ["a", "b", "c"]],
  [9, 0, ["a", "b", "c"]],
])("moves %i to %i", (from, to, result) => expect(moved(["a", "b", "c"], from, to)).toEqual(result));

it("finds a name that is free", () => {
  const lists = ["List", "List 2"].map((name) => ({ id: name, name, symbols: [] }));
  expect(freeName("List", lists)).toBe("List 3");
  expect(freeName("Mine", lists)).toBe("Mine");
});

const MORNING = Date.parse("2026-11-20T09:15:00+05:30") / 1000;
const SIZE = { width: 10, height: 12 };

it("draws the last day only, from left to right, low at the bottom", () => {
  const line = sparkline([MORNING - 86_400, MORNING, MORNING + 300, MORNING + 600], [900, 100, 110, 105], SIZE);
  expect(line).toEqual({ points: "0.0,11.0 5.0,1.0 10.0,6.0", sign: "up" });
});

it("draws the day before while a day has one bar", () => {
  expect(sparkline([MORNING - 86_400, MORNING - 86_100, MORNING], [110, 100, 500], SIZE)).toEqual({ points: "0.0,1.0 10.0,11.0", sign: "down" });
});

it("draws nothing of a single bar, and a flat line of a flat day", () => {
  expect(sparkline([MORNING], [5], SIZE)).toBeNull();
  expect(sparkline([], [], SIZE)).toBeNull();
  expect(sparkline([MORNING, MORNING + 300], [5, 5], SIZE)?.sign).toBe("flat");
});
