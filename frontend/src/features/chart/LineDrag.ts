import type { IChartApi, ISeriesApi } from "lightweight-charts";

import type { MarkLayer, MovableLine } from "./MarkLayer";
import { nearest, onTick, type LineMove } from "./linePrices";
import type { PointerHold } from "./PointerHold";

/** How far from a line it can be taken: a finger is wider than a mouse. */
const REACH_PX = { mouse: 5, touch: 16 };

/** Takes the line of a working order or an alert to another price. Nothing is changed by it: the price is only proposed. */
export class LineDrag {
  /** Of the instrument; prices snap to it. */
  tick: string | undefined;
  private held: { line: MovableLine; price: string } | null = null;

  constructor(
    private readonly element: HTMLElement, private readonly chart: IChartApi, private readonly candles: ISeriesApi<"Candlestick">, private readonly marks: MarkLayer,
    private readonly hold: PointerHold, private readonly proposed: (move: LineMove) => void,
  ) {
    // Before the chart itself, which would begin to scroll.
    element.addEventListener("pointerdown", this.down, { capture: true });
    element.addEventListener("pointermove", this.move);
    element.addEventListener("pointerup", this.up);
    element.addEventListener("pointercancel", () => this.cancel());
  }

  /** Let go without a proposal; whether something was held. */
  cancel(): boolean {
    if (!this.held) return false;
    this.release();
    this.marks.propose(null);
    return true;
  }

  private readonly down = (event: PointerEvent): void => {
    const line = event.isPrimary && event.button === 0 ? this.under(event) : null;
    if (!line) return;
    this.held = { line, price: line.price };
    this.hold.take(event);
  };

  private readonly move = (event: PointerEvent): void => {
    if (!this.held) {
      this.element.toggleAttribute("data-near", event.buttons === 0 && this.under(event) !== null);
      return;
    }
    const y = event.clientY - this.element.getBoundingClientRect().top;
    const value = this.candles.coordinateToPrice(y);
    const price = value === null ? null : onTick(value, this.tick);
    if (price === null) return;
    this.held.price = price;
    this.marks.propose({ id: this.held.line.id, field: this.held.line.field, price });
  };

  private readonly up = (): void => {
    if (!this.held) return;
    const { line, price } = this.held;
    this.release();
    if (Number(price) === Number(line.price)) this.marks.propose(null);
    else this.proposed({ id: line.id, field: line.field, price });
  };

  private release(): void {
    this.held = null;
    this.hold.release();
  }

  private under(event: PointerEvent): MovableLine | null {
    // A tool for drawing has the pointer to itself.
    if (this.element.dataset.tool) return null;
    const box = this.element.getBoundingClientRect();
    const [x, y] = [event.clientX - box.left, event.clientY - box.top];
    const pane = this.chart.paneSize(0);
    if (y > pane.height || x > pane.width) return null;
    const lines = this.marks.movable.map((line) => ({ y: this.candles.priceToCoordinate(Number(line.price)), of: line }));
    return nearest(lines, y, event.pointerType === "touch" ? REACH_PX.touch : REACH_PX.mouse);
  }
}
