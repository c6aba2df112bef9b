import type { IChartApi, SeriesAttachedParameter, Time } from "lightweight-charts";
import { afterEach, beforeEach, describe, expect, it } from "vitest";

import type { Bar } from "./bars";
import { DrawingLayer } from "./DrawingLayer";
import { type DrawingEvent, DrawingPointer } from "./DrawingPointer";
import type { Drawing } from "./drawings";
import type { Point } from "./geometry";
import { PointerHold } from "./PointerHold";

// Ten pixels a bar of a minute, ten pixels a rupee, 1,400 at the top.
const bars = Array.from({ length: 50 }, (_, i): Bar => ({ t: i * 60, o: 1390, h: 1392, l: 1388, c: 1391, v: 0, oi: NaN }));
const anchorAt = ({ x, y }: Point) => ({ t: Math.round(x / 10) * 60, price: 1400 - y / 10 });

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
  pointer = new DrawingPointer(element, chart, new PointerHold(element, chart), layer, anchorAt, (event) => told.push(event));
});
afterEach(() => element.remove());

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
    pointer.take(kind);
    click(100, 100);
    send("move", 150, 80);
    expect(told).toEqual([]);
    click(200, 50);
    drag([100, 100], [200, 50]);
    expect(told).toEqual([{ type: "draw", shape: { kind, from, to } }, { type: "draw", shape: { kind, from, to } }]);
    expect(scrolls).toEqual([false, true, false, true, false, true]);
  });

  it("takes no double click for a drawing", () => {
    pointer.take("trend");
    click(100, 100);
    click(100, 100);
    expect(told).toEqual([]);
    click(200, 50);
    expect(told).toHaveLength(1);
  });

  it("puts a level and a note where a click is, and lets the chart be dragged", () => {
    pointer.take("level");
    drag([100, 100], [200, 50]);
    click(100, 100);
    pointer.take("text");
    click(100, 100);
    expect(told).toEqual([{ type: "draw", shape: { kind: "level", price: 1390 } }, { type: "note", at: from }]);
    expect(scrolls).toEqual([]);
  });

  it("ends a drag on the prices, wherever it goes", () => {
    pointer.take("rectangle");
    drag([100, 100], [900, -40]);
    expect(told).toEqual([{ type: "draw", shape: { kind: "rectangle", from, to: { t: 3000, price: 1400 } } }]);
  });

  it("does nothing beside the prices, with another button, and with a second finger", () => {
    pointer.take("level");
    click(510, 100);
    click(100, 310);
    click(100, 100, { button: 2 });
    click(100, 100, { isPrimary: false });
    expect(told).toEqual([]);
  });

  it("gives up what is half drawn, once", () => {
    pointer.take("trend");
    click(100, 100);
    expect([pointer.cancel(), pointer.cancel()]).toEqual([true, false]);
    click(200, 50);
    expect(told).toEqual([]);
  });
});

describe("measuring", () => {
  const ruler = { kind: "measure" as const, from, to };

  it("is seen until the next click, with the tool out of hand", () => {
    pointer.take("measure");
    drag([100, 100], [200, 50]);
    pointer.take(null);
    expect(told).toEqual([{ type: "measure", ruler }]);
    click(300, 30);
    expect(told.slice(1)).toEqual([{ type: "measure", ruler: null }, { type: "select", id: null }]);
  });

  it("is gone with Escape, and with another tool", () => {
    pointer.take("measure");
    drag([100, 100], [200, 50]);
    expect([pointer.cancel(), pointer.cancel()]).toEqual([true, false]);
    drag([100, 100], [200, 50]);
    pointer.take("fib");
    expect(told.map((event) => event.type === "measure" && event.ruler)).toEqual([ruler, null, ruler, null]);
  });
});

describe("selecting", () => {
  const drawings: Drawing[] = [
    { id: "level", kind: "level", price: 1390 }, { id: "trend", kind: "trend", from, to }, { id: "ray", kind: "ray", from: { t: 0, price: 1380 }, to: { t: 60, price: 1380 } },
    { id: "box", kind: "rectangle", from: { t: 1500, price: 1398 }, to: { t: 2400, price: 1392 } }, { id: "fib", kind: "fib", from: { t: 1500, price: 1378 }, to: { t: 2400, price: 1374 } },
  ];

  it.each([
    ["a level", 480, 103, "level"],
    ["a trend line", 150, 76, "trend"],
    ["the uppermost of two", 102, 101, "trend"],
    ["a ray far behind its points", 450, 202, "ray"],
    ["a side of a rectangle", 253, 40, "box"],
    ["nothing inside of a rectangle", 320, 50, null],
    ["the middle line of a retracement", 300, 240, "fib"],
    ["nothing", 300, 150, null],
  ])("takes %s", (_, x, y, id) => {
    layer.set(drawings, null);
    click(x, y);
    expect(told).toEqual([{ type: "select", id }]);
  });
});
