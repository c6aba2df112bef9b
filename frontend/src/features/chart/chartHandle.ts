import {
  CandlestickSeries, createChart, HistogramSeries, type IChartApi, type ISeriesApi, LineSeries, type LogicalRange, type UTCTimestamp,
} from "lightweight-charts";

import type { CandleMessage } from "@/realtime/protocol";
import { price } from "@/shared/format/numbers";
import { moment } from "@/shared/format/time";

import { type Bar, prepend, withLive } from "./bars";
import { CompareLayer } from "./CompareLayer";
import { DrawingLayer } from "./DrawingLayer";
import { type DrawingEvent, DrawingPointer } from "./DrawingPointer";
import type { Anchor } from "./drawings";
import { GapLayer } from "./GapLayer";
import type { Gap } from "./gaps";
import type { Point } from "./geometry";
import { snapped } from "./magnet";
import { momentAt } from "./places";
import { MarkLayer } from "./MarkLayer";
import { LineDrag } from "./LineDrag";
import type { LineMove } from "./linePrices";
import { PointerHold } from "./PointerHold";
import { StudyLayer } from "./StudyLayer";
import { axisWords } from "./timeAxis";

export interface ChartEvents {
  /** The left edge comes near: older bars are wanted. */
  needOlder(): void;
  /** The bar under the crosshair, or the last one. */
  legend(bar: Bar | null): void;
  /** Something was drawn, selected or measured. */
  drawing(event: DrawingEvent): void;
  /** Bars or coverage have come: where sessions are lacking, and when the oldest bar begins. */
  gaps(gaps: readonly Gap[], oldest: number | null): void;
  /** The line of a working order or an alert was taken to another price. */
  moveLine(move: LineMove): void;
}

const LOAD_MORE_BELOW = 50;
/** Drawing the canvases is most of what ticks cost, and ten times a second is as alive as twenty. */
const PAINT_EVERY_MS = 100;
const SERIES_COLOURS = [1, 2, 3, 4, 5, 6].map((number) => `series-${number}`);
const at = (bar: Bar): UTCTimestamp => bar.t as UTCTimestamp;

/** The chart without React: holds the bars, draws them, and repaints for ticks at most ten times a second. */
export class ChartHandle {
  readonly studies: StudyLayer;
  readonly compare: CompareLayer;
  readonly drawings = new DrawingLayer(this);
  readonly gaps = new GapLayer((gaps) => this.events.gaps(gaps, this.bars[0]?.t ?? null));
  readonly marks: MarkLayer;
  readonly lines: LineDrag;
  readonly pointer: DrawingPointer;
  /** Ascending; nobody else changes it. */
  bars: Bar[] = [];
  /** Of prices. */
  decimals = 2;
  private readonly chart: IChartApi;
  private readonly candles: ISeriesApi<"Candlestick">;
  private readonly volume: ISeriesApi<"Histogram">;
  private interest: ISeriesApi<"Line"> | null = null;
  private frame = 0;
  private due: ReturnType<typeof setTimeout> | undefined;
  private paintedAt = -Infinity;
  private changedFrom = Infinity;
  /** Time of the newest bar in the series: an older one may only be changed, a newer one only be added. */
  private drawnTo = -Infinity;

  constructor(private readonly element: HTMLElement, private readonly events: ChartEvents) {
    this.chart = createChart(element, {
      autoSize: true,
      timeScale: { timeVisible: true, rightOffset: 6, tickMarkFormatter: axisWords },
      localization: { timeFormatter: (time: number) => moment(time * 1000), priceFormatter: (value: number) => price(value, this.decimals) },
    });
    this.candles = this.chart.addSeries(CandlestickSeries, {});
    this.volume = this.chart.addSeries(HistogramSeries, { priceScaleId: "volume", priceFormat: { type: "volume" }, lastValueVisible: false, priceLineVisible: false });
    this.volume.priceScale().applyOptions({ scaleMargins: { top: 0.82, bottom: 0 } });
    this.candles.priceScale().applyOptions({ scaleMargins: { top: 0.06, bottom: 0.22 } });
    this.candles.attachPrimitive(this.gaps);
    this.candles.attachPrimitive(this.drawings);
    this.studies = new StudyLayer(this.chart);
    this.compare = new CompareLayer(this.chart);
    this.marks = new MarkLayer(this.candles);
    const hold = new PointerHold(element, this.chart);
    // The line before the drawing: it is what trades.
    this.lines = new LineDrag(element, this.chart, this.candles, this.marks, hold, (move) => events.moveLine(move));
    this.pointer = new DrawingPointer(element, this.chart, hold, this.drawings, this, (event) => events.drawing(event));
    this.chart.timeScale().subscribeVisibleLogicalRangeChange(this.rangeChanged);
    this.chart.subscribeCrosshairMove((move) => this.tell(move.logical === undefined ? undefined : Number(move.logical)));
    this.theme();
  }

  setDecimals(decimals: number): void {
    this.decimals = decimals;
    this.candles.applyOptions({ priceFormat: { type: "price", precision: decimals, minMove: 10 ** -decimals } });
  }

  /** Show other bars, the newest at the right. */
  load(bars: Bar[]): void {
    this.bars = bars;
    this.studies.clear();
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

  patch(live: CandleMessage): void {
    const before = this.bars.length;
    if (withLive(this.bars, live)) this.changed(Math.max(0, before - 1));
  }

  /** Values of the newest `count` bars have come. */
  touch(count: number): void {
    this.changed(Math.max(0, this.bars.length - count));
  }

  /** Open interest in a pane of its own, or not. */
  setInterest(wanted: boolean): void {
    if (wanted && !this.interest) {
      this.interest = this.chart.addSeries(LineSeries, { lineWidth: 2, priceLineVisible: false, priceFormat: { type: "volume" }, title: "OI" }, this.chart.panes().length);
      this.chart.panes().at(-1)?.setStretchFactor(0.2);
      this.theme();
    } else if (!wanted && this.interest) {
      this.chart.removeSeries(this.interest);
      this.interest = null;
    }
    this.element.dataset.panes = String(this.chart.panes().length);
    this.redraw();
  }

  /** Take the colours that the page has now. */
  theme(): void {
    const style = getComputedStyle(document.documentElement);
    const colour = (name: string): string => style.getPropertyValue(`--${name}`).trim();
    const [up, down, line, accent] = [colour("up"), colour("down"), colour("line"), colour("accent")];
    this.chart.applyOptions({
      layout: { background: { color: colour("canvas") }, textColor: colour("muted"), fontFamily: "Inter Variable, system-ui, sans-serif", fontSize: 11, panes: { separatorColor: line } },
      grid: { vertLines: { color: colour("surface") }, horzLines: { color: colour("surface") } },
      rightPriceScale: { borderColor: line },
      timeScale: { borderColor: line },
      hoveredSeriesOnTop: false,
    });
    // Rising bars are hollow: the direction can be seen without its colour.
    this.candles.applyOptions({ upColor: colour("canvas"), borderUpColor: up, wickUpColor: up, downColor: down, borderDownColor: down, wickDownColor: down, priceLineColor: accent });
    this.volume.applyOptions({ color: line });
    this.interest?.applyOptions({ color: colour("warn") });
    this.studies.theme(SERIES_COLOURS.map(colour));
    this.compare.theme(colour("warn"));
    this.marks.theme({ buy: up, sell: down, position: accent, alert: colour("warn") });
    this.gaps.theme(colour("muted"));
    this.drawings.theme({ line: colour("series-5"), selected: colour("warn"), paper: colour("canvas"), text: colour("text"), up, down });
  }

  screenshot(): HTMLCanvasElement {
    return this.chart.takeScreenshot(true);
  }

  dispose(): void {
    clearTimeout(this.due);
    cancelAnimationFrame(this.frame);
    this.chart.remove();
  }

  /** The bar, there or to come, and the price at a point of the pane; null while there are no bars. */
  anchorAt({ x, y }: Point, magnet: boolean): Anchor | null {
    const logical = this.chart.timeScale().coordinateToLogical(x);
    const value = this.candles.coordinateToPrice(y);
    if (logical === null || value === null) return null;
    const place = Math.max(0, Math.round(logical));
    const t = momentAt(this.bars, place);
    const bar = this.bars[place];
    const near = bar && magnet ? snapped(bar, y, (price) => this.candles.priceToCoordinate(price)) : null;
    // Rounded, as the axis shows it: nobody means the seventh decimal of a pixel.
    return t === null ? null : { t, price: Number((near ?? value).toFixed(this.decimals)) };
  }

  private redraw(): void {
    this.candles.setData(this.bars.map((bar) => this.candle(bar)));
    this.volume.setData(this.bars.map((bar) => ({ time: at(bar), value: bar.v })));
    this.interest?.setData(this.bars.map((bar) => this.interestOf(bar)));
    this.studies.draw(this.bars);
    this.compare.draw(this.bars);
    this.marks.draw(this.bars);
    this.gaps.draw(this.bars);
    this.drawnTo = this.bars.at(-1)?.t ?? -Infinity;
    this.element.dataset.bars = String(this.bars.length);
    this.tell(undefined);
  }

  private changed(from: number): void {
    this.changedFrom = Math.min(this.changedFrom, from);
    this.due ??= setTimeout(() => (this.frame = requestAnimationFrame(() => this.paint())), this.paintedAt + PAINT_EVERY_MS - performance.now());
  }

  private paint(): void {
    this.due = undefined;
    this.paintedAt = performance.now();
    const from = this.changedFrom;
    this.changedFrom = Infinity;
    for (const bar of this.bars.slice(from)) {
      const past = bar.t < this.drawnTo;
      this.candles.update(this.candle(bar), past);
      this.volume.update({ time: at(bar), value: bar.v }, past);
      this.interest?.update(this.interestOf(bar), past);
    }
    this.drawnTo = this.bars.at(-1)?.t ?? -Infinity;
    this.studies.update(this.bars, from);
    this.compare.update(this.bars, from);
    this.element.dataset.updates = String(Number(this.element.dataset.updates ?? 0) + 1);
    this.tell(undefined);
  }

  private interestOf(bar: Bar) {
    return Number.isNaN(bar.oi) ? { time: at(bar) } : { time: at(bar), value: bar.oi };
  }

  private candle(bar: Bar) {
    return { time: at(bar), open: bar.o, high: bar.h, low: bar.l, close: bar.c };
  }

  private tell(index: number | undefined): void {
    const i = index !== undefined && this.bars[index] ? index : this.bars.length - 1;
    this.events.legend(this.bars[i] ?? null);
  }

  private readonly rangeChanged = (range: LogicalRange | null): void => {
    if (range && range.from < LOAD_MORE_BELOW && this.bars.length > 0) this.events.needOlder();
  };
}
