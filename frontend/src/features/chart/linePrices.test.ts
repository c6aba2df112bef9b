import type { IChartApi, ISeriesApi } from "lightweight-charts";
import { afterEach, beforeEach, describe, expect, it } from "vitest";

import { MarkLayer, type WorkingOrder } from "./MarkLayer";
import { PointerHold } from "./PointerHold";
import { LineDrag } from "./LineDrag";
import { nearest, onTick, type LineMove } from "./linePrices";
import { linesOf } from "./priceLines";

const order: WorkingOrder = { id: "o1", side: "buy", quantity: "10", field: "price", price: "1400.05" };

describe("prices of orders", () => {
  it("are on the tick, in as many decimals as it has", () => {
    expect([onTick(1400.03, "0.05"), onTick(1400.02, "0.05"), onTick(83.51234, "0.0025"), onTick(12.344, undefined), onTick(0.1 + 0.2, "0.10")]).toEqual(["1400.05", "1400.00", "83.5125", "12.34", "0.30"]);
  });
  it("are never nothing", () => expect([onTick(0.01, "0.05"), onTick(-3, "0.05"), onTick(NaN, "0.05")]).toEqual([null, null, null]));
  it("belong to the nearest line in reach", () => {
    const lines = [{ y: 100, of: "a" }, { y: 104, of: "b" }, { y: null, of: "c" }];
    expect([nearest(lines, 103, 5), nearest(lines, 98, 5), nearest(lines, 110, 5)]).toEqual(["b", "a", null]);
  });
  it("move their line while another is proposed, and only theirs", () => {
    const stop: WorkingOrder = { ...order, field: "trigger_price", price: "1390" };
    const lines = linesOf([order, stop], [], [], { id: "o1", field: "trigger_price", price: "1395.00" });
    expect(lines.map(({ price, title }) => [price, title])).toEqual([[1400.05, "buy 10"], [1395, "buy 10 trigger?"]]);
    const alerts = linesOf([], [], [{ id: "o1", price: "1500" }, { id: "a2", price: "1600" }], { id: "a2", field: "value", price: "1590.00" });
    expect(alerts.map(({ price, title }) => [price, title])).toEqual([[1500, "alert 1,500.00"], [1590, "alert 1,590.00?"]]);
  });
});

describe("dragging a line", () => {
  let element: HTMLElement;
  let moves: LineMove[];
  let scrolls: unknown[];
  let drawn: number[];
  let drag: LineDrag;
  let marks: MarkLayer;

  beforeEach(() => {
    element = document.body.appendChild(document.createElement("div"));
    moves = [];
    scrolls = [];
    drawn = [];
    // Ten pixels a rupee, 1,410 at the top.
    const candles = {
      priceToCoordinate: (price: number) => (1410 - price) * 10, coordinateToPrice: (y: number) => 1410 - y / 10,
      createPriceLine: ({ price }: { price: number }) => drawn.push(price), removePriceLine: () => undefined, attachPrimitive: () => undefined,
    } as unknown as ISeriesApi<"Candlestick">;
    const chart = { paneSize: () => ({ width: 500, height: 300 }), applyOptions: (options: { handleScroll: boolean }) => scrolls.push(options.handleScroll) } as unknown as IChartApi;
    marks = new MarkLayer(candles, { setMarkers: () => undefined });
    marks.set({ fills: [], orders: [order], positions: [], alerts: [] }, []);
    drag = new LineDrag(element, chart, candles, marks, new PointerHold(element, chart), (move) => moves.push(move));
    drag.tick = "0.05";
  });
  afterEach(() => element.remove());

  function pointer(type: string, clientY: number, more: PointerEventInit = {}): void {
    element.dispatchEvent(new PointerEvent(type, { bubbles: true, isPrimary: true, button: 0, buttons: 1, pointerId: 1, pointerType: "mouse", clientX: 50, clientY, ...more }));
  }

  it("proposes the price on the tick where it is let go, and keeps the chart still meanwhile", () => {
    pointer("pointerdown", 100);
    pointer("pointermove", 153);
    expect(drawn.at(-1)).toBe(1394.7);
    expect(moves).toEqual([]);
    pointer("pointermove", 150.3);
    pointer("pointerup", 150.3);
    expect(moves).toEqual([{ id: "o1", field: "price", price: "1394.95" }]);
    expect(scrolls).toEqual([false, true]);
  });
  it("takes the line of an alert, too, and puts it back", () => {
    marks.set({ fills: [], orders: [order], positions: [], alerts: [{ id: "a1", price: "1405" }] }, []);
    pointer("pointerdown", 50);
    pointer("pointermove", 82);
    expect(drawn.at(-1)).toBe(1401.8);
    expect(drag.cancel()).toBe(true);
    expect(drawn.at(-1)).toBe(1405);
    pointer("pointerdown", 50);
    pointer("pointermove", 82);
    pointer("pointerup", 82);
    expect(moves).toEqual([{ id: "a1", field: "value", price: "1401.80" }]);
  });
  it("leaves the chart to itself away from the lines, with another button, and while something is drawn", () => {
    pointer("pointerdown", 130);
    pointer("pointerdown", 100, { button: 2 });
    pointer("pointerdown", 100, { clientX: 520 });
    element.dataset.tool = "level";
    pointer("pointerdown", 100);
    pointer("pointerup", 200);
    expect([moves, scrolls]).toEqual([[], []]);
  });
  it("proposes nothing when it comes back, and when it is given up", () => {
    pointer("pointerdown", 100);
    pointer("pointermove", 140);
    pointer("pointermove", 99.6);
    pointer("pointerup", 99.6);
    pointer("pointerdown", 100);
    pointer("pointermove", 200);
    expect(drag.cancel()).toBe(true);
    expect(drawn.at(-1)).toBe(1400.05);
    pointer("pointerup", 200);
    expect([moves, drag.cancel()]).toEqual([[], false]);
  });
  it("is easier to hit with a finger", () => {
    pointer("pointerdown", 113, { pointerType: "touch" });
    pointer("pointermove", 200, { pointerType: "touch" });
    pointer("pointerup", 200, { pointerType: "touch" });
    expect(moves).toHaveLength(1);
  });
});
