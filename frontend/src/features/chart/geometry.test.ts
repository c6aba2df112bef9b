import { describe, expect, it } from "vitest";

import { boxOf, contains, distance, FIB_RATIOS, fibLines, fromLines, noteBox, rayEnd, retraced, sides, spanLines, within, wrapped } from "./geometry";

const pane = { width: 100, height: 50 };
const at = (x: number, y: number) => ({ x, y });

it.each([
  [at(5, 3), 3],
  [at(-3, 4), 5],
  [at(13, 4), 5],
  [at(0, 0), 0],
])("measures how far %j is from a segment", (point, far) => expect(distance(point, at(0, 0), at(10, 0))).toBe(far));

it("measures how far a point is from a point", () => expect(distance(at(3, 4), at(0, 0), at(0, 0))).toBe(5));

describe("a ray", () => {
  it.each([
    ["right", at(10, 10), at(20, 10), at(100, 10)],
    ["left", at(20, 10), at(10, 10), at(0, 10)],
    ["down", at(10, 10), at(10, 20), at(10, 50)],
    ["up, to the corner", at(50, 25), at(52, 24), at(100, 0)],
    ["in from beyond the left edge", at(-10, 20), at(0, 20), at(100, 20)],
    ["nowhere, when both of its points are one", at(10, 10), at(10, 10), at(10, 10)],
    ["no further than its second point, when that is out", at(110, 10), at(120, 10), at(120, 10)],
  ])("goes %s", (_, a, b, end) => expect(rayEnd(a, b, pane)).toEqual(end));

  it("is hit beyond its second point, and not before its first", () => {
    const lines = spanLines("ray", at(20, 10), at(30, 10), pane);
    expect(fromLines(at(90, 12), lines)).toBe(2);
    expect(fromLines(at(10, 10), lines)).toBe(10);
  });
});

describe("a retracement", () => {
  it("is at the end at 0, and at the beginning at 1", () => {
    expect(FIB_RATIOS).toEqual([0, 0.236, 0.382, 0.5, 0.618, 0.786, 1]);
    expect(FIB_RATIOS.map((ratio) => Number(retraced(100, 200, ratio).toFixed(9)))).toEqual([200, 176.4, 161.8, 150, 138.2, 121.4, 100]);
    expect(retraced(200, 100, 0.236)).toBeCloseTo(123.6, 9);
  });

  it("has its lines between its anchors, whichever is the left one", () => {
    const lines = fibLines(at(60, 0), at(20, 100));
    expect(lines).toHaveLength(7);
    expect(lines[0]).toEqual([at(20, 100), at(60, 100)]);
    expect(lines[3]).toEqual([at(20, 50), at(60, 50)]);
    expect(lines[6]).toEqual([at(20, 0), at(60, 0)]);
  });
});

describe("a rectangle", () => {
  it("has four sides, wherever its drawing began", () => {
    expect(boxOf(at(30, 40), at(10, 20))).toEqual({ x: 10, y: 20, width: 20, height: 20 });
    expect(sides(boxOf(at(30, 40), at(10, 20)))).toEqual([[at(10, 20), at(30, 20)], [at(30, 20), at(30, 40)], [at(30, 40), at(10, 40)], [at(10, 40), at(10, 20)]]);
  });

  it("is hit at its sides, so that the chart can be dragged inside of it", () => {
    const lines = spanLines("rectangle", at(10, 20), at(30, 40), pane);
    expect(fromLines(at(20, 30), lines)).toBe(10);
    expect(fromLines(at(31, 30), lines)).toBe(1);
  });
});

it("knows what is inside of a box", () => {
  const box = { x: 10, y: 10, width: 20, height: 5 };
  expect([at(10, 10), at(30, 15)].every((point) => contains(box, point))).toBe(true);
  expect([at(9, 12), at(31, 12), at(20, 9), at(20, 16)].some((point) => contains(box, point))).toBe(false);
});

it.each([
  ["short", ["short"]],
  ["two words here", ["two words", "here"]],
  ["abcdefghijklmno", ["abcdefghij", "klmno"]],
  ["so abcdefghijklmno x", ["so", "abcdefghij", "klmno x"]],
  ["", []],
])("breaks %j into lines", (text, lines) => expect(wrapped(text, 10)).toEqual(lines));

it("puts a note left of its anchor where there is no room at the right", () => {
  const size = { width: 30, height: 10 };
  expect(noteBox(at(20, 5), size, pane)).toEqual({ x: 20, y: 5, ...size });
  expect(noteBox(at(90, 5), size, pane)).toEqual({ x: 60, y: 5, ...size });
  expect(noteBox(at(20, 5), { width: 200, height: 10 }, pane).x).toBe(20);
});

it("keeps a label on the pane", () => {
  const size = { width: 30, height: 10 };
  expect(within({ x: 90, y: 45, ...size }, pane)).toEqual({ x: 70, y: 40, ...size });
  expect(within({ x: -5, y: -5, ...size }, pane)).toEqual({ x: 0, y: 0, ...size });
});
