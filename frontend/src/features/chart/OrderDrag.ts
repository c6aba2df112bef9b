import type { IChartApi, ISeriesApi } from "lightweight-charts";

import type { MarkLayer, WorkingOrder } from "./MarkLayer";
import { nearest, onTick, type OrderMove } from "./orderPrices";

/** How far from its line an order can be taken: a finger is wider than a mouse. */
const REACH_PX = { mouse: 5, touch: 16 };

/** Takes the line of a working order to another price. Nothing is changed by it: the price is only proposed. */
export class OrderDrag {
  /** Of the instrument; prices snap to it. */
  tick: string | undefined;
  private held: { order: WorkingOrder; pointer: number; price: string } | null = null;

  constructor(
    private readonly element: HTMLElement, private readonly chart: IChartApi, private readonly candles: ISeriesApi<"Candlestick">, private readonly marks: MarkLayer,
    private readonly proposed: (move: OrderMove) => void,
  ) {
    // Before the chart itself, which would begin to scroll.
    element.addEventListener("pointerdown", this.down, { capture: true });
    element.addEventListener("pointermove", this.move);
    element.addEventListener("pointerup", this.up);
    element.addEventListener("pointercancel", () => this.cancel());
    element.addEventListener("touchmove", (event) => this.held && event.preventDefault(), { passive: false });
  }

  /** Let go without a proposal; whether something was held. */
  cancel(): boolean {
    if (!this.held) return false;
    this.release();
    this.marks.propose(null);
    return true;
  }

  private readonly down = (event: PointerEvent): void => {
    const order = event.isPrimary && event.button === 0 ? this.under(event) : null;
    if (!order) return;
    this.held = { order, pointer: event.pointerId, price: order.price };
    this.element.setPointerCapture(event.pointerId);
    this.chart.applyOptions({ handleScroll: false, handleScale: false });
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
    this.marks.propose({ id: this.held.order.id, field: this.held.order.field, price });
  };

  private readonly up = (): void => {
    if (!this.held) return;
    const { order, price } = this.held;
    this.release();
    if (Number(price) === Number(order.price)) this.marks.propose(null);
    else this.proposed({ id: order.id, field: order.field, price });
  };

  private release(): void {
    const pointer = this.held?.pointer;
    this.held = null;
    if (pointer !== undefined && this.element.hasPointerCapture(pointer)) this.element.releasePointerCapture(pointer);
    this.chart.applyOptions({ handleScroll: true, handleScale: true });
  }

  private under(event: PointerEvent): WorkingOrder | null {
    // A tool for drawing has the pointer to itself.
    if (this.element.dataset.tool) return null;
    const box = this.element.getBoundingClientRect();
    const [x, y] = [event.clientX - box.left, event.clientY - box.top];
    const pane = this.chart.paneSize(0);
    if (y > pane.height || x > pane.width) return null;
    const lines = this.marks.orders.map((order) => ({ y: this.candles.priceToCoordinate(Number(order.price)), of: order }));
    return nearest(lines, y, event.pointerType === "touch" ? REACH_PX.touch : REACH_PX.mouse);
  }
}
