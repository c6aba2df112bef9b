import {
  CandlestickSeries, createChart, HistogramSeries, type IChartApi, type ISeriesApi, LineSeries, type LogicalRange, type UTCTimestamp,
} from "lightweight-charts";

import type { CandleMessage } from "@/realtime/protocol";
import { price } from "@/shared/format/numbers";
import { day, minute, moment, weekday } from "@/shared/format/time";

import { type Bar, prepend, withLive } from "./bars";
import { compute, type Study, studyName } from "./indicators";

export interface ChartEvents {
  /** The left edge comes near: older bars are wanted. */
  needOlder(): void;
  /** The bar under the crosshair, or the last one; and the studies' values there, by name. */
  legend(bar: Bar | null, studies: ReadonlyMap<string, number>): void;
}

const LOAD_MORE_BELOW = 50;
const STUDY_COLOURS = ["accent", "warn", "muted"] as const;
const at = (bar: Bar): UTCTimestamp => bar.t as UTCTimestamp;

/** The chart without React: holds the bars, draws them, and repaints at most once a frame. */
export class ChartHandle {
  private readonly chart: IChartApi;
  private readonly candles: ISeriesApi<"Candlestick">;
  private readonly volume: ISeriesApi<"Histogram">;
  private readonly lines = new Map<string, { study: Study; series: ISeriesApi<"Line"> }>();
  private bars: Bar[] = [];
  private studyValues = new Map<string, number[]>();
  private decimals = 2;
  private frame = 0;
  private changedFrom = Infinity;

  constructor(private readonly element: HTMLElement, private readonly events: ChartEvents) {
    this.chart = createChart(element, {
      autoSize: true,
      timeScale: {
        timeVisible: true, rightOffset: 6,
        // The axis stays UTC and only its words are Indian: shifting the times would take seconds for long histories.
        tickMarkFormatter: (time: number, kind: number) => (kind <= 1 ? day(time * 1000).slice(3) : kind === 2 ? weekday(time * 1000).slice(-6) : minute(time * 1000)),
      },
      localization: { timeFormatter: (time: number) => moment(time * 1000), priceFormatter: (value: number) => price(value, this.decimals) },
    });
    this.candles = this.chart.addSeries(CandlestickSeries, {});
    this.volume = this.chart.addSeries(HistogramSeries, { priceScaleId: "volume", priceFormat: { type: "volume" }, lastValueVisible: false, priceLineVisible: false });
    this.volume.priceScale().applyOptions({ scaleMargins: { top: 0.82, bottom: 0 } });
    this.candles.priceScale().applyOptions({ scaleMargins: { top: 0.06, bottom: 0.22 } });
    this.chart.timeScale().subscribeVisibleLogicalRangeChange(this.rangeChanged);
    this.chart.subscribeCrosshairMove((move) => this.tell(move.logical === undefined ? undefined : Number(move.logical)));
    this.theme();
  }

  setDecimals(decimals: number): void {
    this.decimals = decimals;
    this.candles.applyOptions({ priceFormat: { type: "price", precision: decimals, minMove: 10 ** -decimals } });
  }

  load(bars: Bar[]): void {
    this.bars = bars;
    this.redraw();
    const shown = Math.min(bars.length, Math.max(40, Math.floor(this.element.clientWidth / 9)));
    this.chart.timeScale().setVisibleLogicalRange({ from: bars.length - shown, to: bars.length + 6 });
  }

  /** Put older bars in front; what is on the screen stays where it is. */
  prepend(older: Bar[]): void {
    const range = this.chart.timeScale().getVisibleLogicalRange();
    const before = this.bars.length;
    this.bars = prepend(older, this.bars);
    this.redraw();
    const moved = this.bars.length - before;
    if (range) this.chart.timeScale().setVisibleLogicalRange({ from: range.from + moved, to: range.to + moved });
  }

  first(): Bar | undefined {
    return this.bars[0];
  }

  patch(live: CandleMessage): void {
    const before = this.bars.length;
    if (!withLive(this.bars, live)) return;
    this.changedFrom = Math.min(this.changedFrom, Math.max(0, before - 1));
    this.frame ||= requestAnimationFrame(() => this.paint());
  }

  setStudies(studies: readonly Study[]): void {
    const wanted = new Map(studies.map((study) => [studyName(study), study]));
    for (const [name, { series }] of this.lines) {
      if (wanted.has(name)) continue;
      this.chart.removeSeries(series);
      this.lines.delete(name);
    }
    for (const [name, study] of wanted) {
      if (this.lines.has(name)) continue;
      const series = this.chart.addSeries(LineSeries, { lineWidth: 2, priceLineVisible: false, lastValueVisible: false, crosshairMarkerVisible: false }, study.kind === "rsi" ? 1 : 0);
      this.lines.set(name, { study, series });
    }
    const pane = this.chart.panes()[1];
    pane?.setStretchFactor(0.3);
    this.theme();
    this.redraw();
  }

  /** Take the colours that the page has now. */
  theme(): void {
    const style = getComputedStyle(document.documentElement);
    const colour = (name: string): string => style.getPropertyValue(`--${name}`).trim();
    const [up, down, line] = [colour("up"), colour("down"), colour("line")];
    this.chart.applyOptions({
      layout: { background: { color: colour("canvas") }, textColor: colour("muted"), fontFamily: "Inter Variable, system-ui, sans-serif", fontSize: 11, panes: { separatorColor: line } },
      grid: { vertLines: { color: colour("surface") }, horzLines: { color: colour("surface") } },
      rightPriceScale: { borderColor: line },
      timeScale: { borderColor: line },
    });
    // Rising bars are hollow: the direction can be seen without its colour.
    this.candles.applyOptions({ upColor: colour("canvas"), borderUpColor: up, wickUpColor: up, downColor: down, borderDownColor: down, wickDownColor: down, priceLineColor: colour("accent") });
    this.volume.applyOptions({ color: colour("line") });
    [...this.lines.values()].forEach(({ series }, i) => series.applyOptions({ color: colour(STUDY_COLOURS[i % STUDY_COLOURS.length] ?? "accent") }));
  }

  screenshot(): HTMLCanvasElement {
    return this.chart.takeScreenshot();
  }

  dispose(): void {
    cancelAnimationFrame(this.frame);
    this.chart.remove();
  }

  private redraw(): void {
    this.candles.setData(this.bars.map((bar) => this.candle(bar)));
    this.volume.setData(this.bars.map((bar) => ({ time: at(bar), value: bar.v })));
    this.computeStudies();
    for (const [name, { series }] of this.lines) {
      const values = this.studyValues.get(name) ?? [];
      series.setData(this.bars.map((bar, i) => this.point(bar, values[i])));
    }
    this.tell(undefined);
  }

  private paint(): void {
    this.frame = 0;
    const from = this.changedFrom;
    this.changedFrom = Infinity;
    this.computeStudies();
    for (let i = from; i < this.bars.length; i += 1) {
      const bar = this.bars[i];
      if (!bar) continue;
      this.candles.update(this.candle(bar));
      this.volume.update({ time: at(bar), value: bar.v });
      for (const [name, { series }] of this.lines) series.update(this.point(bar, this.studyValues.get(name)?.[i]));
    }
    this.element.dataset.updates = String(Number(this.element.dataset.updates ?? 0) + 1);
    this.tell(undefined);
  }

  private computeStudies(): void {
    const closes = this.bars.map((bar) => bar.c);
    this.studyValues = new Map([...this.lines].map(([name, { study }]) => [name, compute(study, closes)]));
  }

  private candle(bar: Bar) {
    return { time: at(bar), open: bar.o, high: bar.h, low: bar.l, close: bar.c };
  }

  private point(bar: Bar, value: number | undefined) {
    return value === undefined || Number.isNaN(value) ? { time: at(bar) } : { time: at(bar), value };
  }

  private tell(index: number | undefined): void {
    const i = index !== undefined && this.bars[index] ? index : this.bars.length - 1;
    this.events.legend(this.bars[i] ?? null, new Map([...this.studyValues].map(([name, values]) => [name, values[i] ?? NaN])));
  }

  private readonly rangeChanged = (range: LogicalRange | null): void => {
    if (range && range.from < LOAD_MORE_BELOW && this.bars.length > 0) this.events.needOlder();
  };
}
