import { type IChartApi, type ISeriesApi, LineSeries, PriceScaleMode, type UTCTimestamp } from "lightweight-charts";

import type { Bar } from "./bars";

/** Another instrument beside the candles. Both are shown in percent of the first bar on the screen. */
export class CompareLayer {
  private series: ISeriesApi<"Line"> | null = null;
  private closes = new Map<number, number>();
  private colour = "#888888";
  private drawnTo = -Infinity;

  constructor(private readonly chart: IChartApi) {}

  /** Compare with the closes by time, or with nothing (null). */
  set(closes: Map<number, number> | null, bars: readonly Bar[]): void {
    this.closes = closes ?? new Map();
    if (closes && !this.series) {
      this.series = this.chart.addSeries(LineSeries, { color: this.colour, lineWidth: 2, priceLineVisible: false, crosshairMarkerVisible: false });
    } else if (!closes && this.series) {
      this.chart.removeSeries(this.series);
      this.series = null;
    }
    this.chart.priceScale("right").applyOptions({ mode: closes ? PriceScaleMode.Percentage : PriceScaleMode.Normal });
    this.draw(bars);
  }

  /** Older closes, or the live one. */
  merge(closes: ReadonlyMap<number, number>): void {
    for (const [t, close] of closes) this.closes.set(t, close);
  }

  draw(bars: readonly Bar[]): void {
    this.series?.setData(bars.map((bar) => this.point(bar.t)));
    this.drawnTo = bars.at(-1)?.t ?? -Infinity;
  }

  update(bars: readonly Bar[], from: number): void {
    for (const bar of bars.slice(from)) this.series?.update(this.point(bar.t), bar.t < this.drawnTo);
    this.drawnTo = bars.at(-1)?.t ?? this.drawnTo;
  }

  close(t: number): number {
    return this.closes.get(t) ?? NaN;
  }

  theme(colour: string): void {
    this.colour = colour;
    this.series?.applyOptions({ color: colour });
  }

  // Only at the candles' own times: another market's bars would shift the axis under the drawings.
  private point(t: number) {
    const time = t as UTCTimestamp;
    const value = this.closes.get(t);
    return value === undefined ? { time } : { time, value };
  }
}
