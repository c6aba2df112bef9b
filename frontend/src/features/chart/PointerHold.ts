import type { IChartApi } from "lightweight-charts";

/** One pointer that drags something over the chart, which stands still meanwhile. */
export class PointerHold {
  private pointer: number | null = null;

  constructor(private readonly element: HTMLElement, private readonly chart: IChartApi) {
    element.addEventListener("touchmove", (event) => this.taken && event.preventDefault(), { passive: false });
  }

  get taken(): boolean {
    return this.pointer !== null;
  }

  take({ pointerId }: PointerEvent): void {
    this.pointer = pointerId;
    this.element.setPointerCapture(pointerId);
    this.chart.applyOptions({ handleScroll: false, handleScale: false });
  }

  release(): void {
    if (this.pointer === null) return;
    if (this.element.hasPointerCapture(this.pointer)) this.element.releasePointerCapture(this.pointer);
    this.pointer = null;
    this.chart.applyOptions({ handleScroll: true, handleScale: true });
  }
}
