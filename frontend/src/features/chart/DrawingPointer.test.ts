import type { IChartApi, SeriesAttachedParameter, Time } from "lightweight-charts";
import { afterEach, beforeEach, describe, expect, it } from "vitest";

import type { Bar } from "./bars";
import { DrawingLayer } from "./DrawingLayer";
import { type DrawingEvent, DrawingPointer } from "./DrawingPointer";
import type { Drawing, Tool } from "./drawings";
import type { Point } from "./geometry";
import type { Habits } from "./habits";
import { PointerHold } from "./PointerHold";

// Ten pixels a bar of a minute, ten pixels a rupee, 1,400 at the top.
const bars = Array.from({ length: 50 }, (_, i): Bar => ({ t: i * 60, o: 1390, h: 1392, l: 1388, c: 1391, v: 0, oi: NaN }));
// The magnet takes everything to 1,391.
const anchorAt = ({ x, y }: Point, magnet: boolean) => ({ t: Math.min(49, Math.round(x / 10)) * 60, price: magnet ? 1391 : 1400 - y / 10 });

let element: HTMLElement;
let layer: DrawingLayer;
let pointer: DrawingPointer;
let told: DrawingEvent[];
let scrolls: boolean[];

beforeEach(() => {
  element = document.body.appendChild(document.createElement("div"));
  told = [];
  scrolls = [];
  const chart = {
    paneSize: () => ({ width: 500, height: 300 }), applyOptions: (options: { handleScroll: boolean }) => scrolls.push(options.handleScroll),
    timeScale: () => ({ logicalToCoordinate: (logical: number) => logical * 10 }),
  } as unknown as IChartApi;
  layer = new DrawingLayer({ bars, decimals: 2 });
  const series = { priceToCoordinate: (price: number) => (1400 - price) * 10 };
  layer.attached({ chart, series, requestUpdate: () => undefined } as unknown as SeriesAttachedParameter<Time>);
  pointer = new DrawingPointer(element, chart, new PointerHold(element, chart), layer, { bars, decimals: 2, anchorAt }, (event) => told.push(event));
});
afterEach(() => element.remove());

const take = (tool: Tool | null, habits: Partial<Habits> = {}): void => pointer.take({ tool, magnet: false, locked: false, ...habits });

function send(type: string, x: number, y: number, more: PointerEventInit = {}): void {
  element.dispatchEvent(new PointerEvent(`pointer${type}`, { bubbles: true, isPrimary: true, button: 0, pointerId: 1, pointerType: "mouse", clientX: x, clientY: y, ...more }));
}
function click(x: number, y: number, more: PointerEventInit = {}): void {
  send("down", x, y, more);
  send("up", x, y, more);
}
function drag(from: [number, number], to: [number, number], more: PointerEventInit = {}): void {
  send("down", ...from, more);
  send("move", ...to, more);
  send("up", ...to, more);
}

const from = { t: 600, price: 1390 };
const to = { t: 1200, price: 1395 };

describe("a tool in hand", () => {
  it.each(["trend", "ray", "rectangle", "fib"] as const)("draws a %s with two clicks, or with one drag", (kind) => {
    take(kind);
    click(100, 100);
    send("move", 150, 80);
    expect(told).toEqual([]);
    click(200, 50);
    drag([100, 100], [200, 50]);
    expect(told).toEqual([{ type: "draw", shape: { kind, from, to } }, { type: "draw", shape: { kind, from, to } }]);
    expect(scrolls).toEqual([false, true, false, true, false, true]);
  });

  it("takes no double click for a drawing", () => {
    take("trend");
    click(100, 100);
    click(100, 100);
    expect(told).toEqual([]);
    click(200, 50);
    expect(told).toHaveLength(1);
  });

  it("puts a level and a note where a click is, and lets the chart be dragged", () => {
    take("level");
    drag([100, 100], [200, 50]);
    click(100, 100);
    take("text");
    click(100, 100);
    expect(told).toEqual([{ type: "draw", shape: { kind: "level", price: 1390 } }, { type: "note", at: from }]);
    expect(scrolls).toEqual([]);
  });

  it("ends a drag on the prices, wherever it goes", () => {
    take("rectangle");
    drag([100, 100], [900, -40]);
    expect(told).toEqual([{ type: "draw", shape: { kind: "rectangle", from, to: { t: 2940, price: 1400.1 - 0.1 } } }]);
  });

  it("does nothing beside the prices, with another button, and with a second finger", () => {
    take("level");
    click(510, 100);
    click(100, 310);
    click(100, 100, { button: 2 });
    click(100, 100, { isPrimary: false });
    expect(told).toEqual([]);
  });

  it("gives up what is half drawn, once", () => {
    take("trend");
    click(100, 100);
    expect([pointer.cancel(), pointer.cancel()]).toEqual([true, false]);
    click(200, 50);
    expect(told).toEqual([]);
  });
});

describe("measuring", () => {
  const ruler = { kind: "measure" as const, from, to };

  it("is seen until the next click, with the tool out of hand", () => {
    take("measure");
    drag([100, 100], [200, 50]);
    take(null);
    expect(told).toEqual([{ type: "measure", ruler }]);
    click(300, 30);
    expect(told.slice(1)).toEqual([{ type: "measure", ruler: null }, { type: "select", id: null }]);
  });

  it("is gone with Escape, and with another tool", () => {
    take("measure");
    drag([100, 100], [200, 50]);
    expect([pointer.cancel(), pointer.cancel()]).toEqual([true, false]);
    drag([100, 100], [200, 50]);
    take("fib");
    expect(told.map((event) => event.type === "measure" && event.ruler)).toEqual([ruler, null, ruler, null]);
  });
});

describe("selecting", () => {
  const drawings: Drawing[] = [
    { id: "level", kind: "level", price: 1390 }, { id: "trend", kind: "trend", from, to }, { id: "ray", kind: "ray", from: { t: 0, price: 1380 }, to: { t: 60, price: 1380 } },
    { id: "box", kind: "rectangle", from: { t: 1500, price: 1398 }, to: { t: 2400, price: 1392 } }, { id: "fib", kind: "fib", from: { t: 1500, price: 1378 }, to: { t: 2400, price: 1374 } },
    { id: "older", kind: "rectangle", from: { t: -9_000, price: 1387 }, to: { t: 2400, price: 1386 } }, { id: "slope", kind: "trend", from: { t: -9_000, price: 1383 }, to: { t: 2400, price: 1383 } },
  ];

  it.each([
    ["a level", 480, 103, "level"],
    ["a trend line", 150, 76, "trend"],
    ["the uppermost of two", 102, 101, "trend"],
    ["a ray far behind its points", 450, 202, "ray"],
    ["a side of a rectangle", 253, 40, "box"],
    ["nothing inside of a rectangle", 320, 50, null],
    ["the middle line of a retracement", 300, 240, "fib"],
    ["a rectangle that began before all bars", 350, 141, "older"],
    ["nothing", 300, 170, null],
  ])("takes %s", (_, x, y, id) => {
    layer.set(drawings, null);
    click(x, y);
    expect(told).toEqual([{ type: "select", id }]);
  });
});

describe("moving", () => {
  const trend: Drawing = { id: "trend", kind: "trend", from, to };

  it("takes all of what is dragged with it, and keeps the chart still", () => {
    layer.set([trend], null);
    drag([150, 75], [170, 95]);
    expect(told).toEqual([{ type: "change", drawing: { ...trend, from: { t: 720, price: 1388 }, to: { t: 1320, price: 1393 } } }]);
    expect(scrolls).toEqual([false, true]);
  });

  it("takes one end of what is selected", () => {
    layer.set([trend], "trend");
    drag([200, 50], [250, 40]);
    expect(told).toEqual([{ type: "change", drawing: { ...trend, to: { t: 1500, price: 1396 } } }]);
  });

  it("goes to the magnet with one end, and not with the whole", () => {
    layer.set([trend], "trend");
    take(null, { magnet: true });
    drag([200, 50], [250, 40]);
    layer.set([trend], "trend");
    drag([130, 85], [130, 95]);
    expect(told.map((event) => event.type === "change" && event.drawing)).toEqual([
      { ...trend, to: { t: 1500, price: 1391 } },
      expect.objectContaining({ from: { t: 600, price: 1389 } }),
    ]);
  });

  it("leaves it where it is after a click, and when it is given up", () => {
    layer.set([trend], null);
    click(150, 75);
    send("down", 150, 75);
    send("move", 170, 95);
    expect([pointer.cancel(), pointer.cancel()]).toEqual([true, false]);
    send("up", 170, 95);
    expect(told).toEqual([{ type: "select", id: "trend" }]);
    expect(scrolls.at(-1)).toBe(true);
  });

  it("goes on when another finger comes down", () => {
    layer.set([trend], null);
    send("down", 150, 75);
    send("down", 300, 200, { isPrimary: false, pointerId: 2 });
    send("move", 170, 95);
    send("up", 300, 200, { isPrimary: false, pointerId: 2 });
    send("up", 170, 95);
    expect(told).toHaveLength(1);
    expect(scrolls).toEqual([false, true]);
  });

  it("takes with a finger only what is selected, so that the chart can be scrolled", () => {
    layer.set([trend], null);
    drag([150, 88], [170, 108], { pointerType: "touch" });
    expect([told, scrolls]).toEqual([[], []]);
    layer.set([trend], "trend");
    drag([150, 88], [170, 108], { pointerType: "touch" });
    expect(told).toHaveLength(1);
  });

  it("neither moves nor selects what is locked or hidden", () => {
    layer.set([trend], null);
    take(null, { locked: true });
    drag([150, 75], [170, 95]);
    click(150, 75);
    take(null);
    layer.set([{ ...trend, hidden: true }], null);
    drag([150, 75], [170, 95]);
    click(150, 75);
    expect(told).toEqual([{ type: "select", id: null }, { type: "select", id: null }]);
    expect(scrolls).toEqual([]);
  });
});
