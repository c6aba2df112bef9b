import { AreaSeries, createChart, createSeriesMarkers, LineSeries, LineStyle, type SeriesMarker, type UTCTimestamp } from "lightweight-charts";

import type { HistoryView } from "@/api/generated";
import { compact, percent, price } from "@/shared/format/numbers";

import { drawDown, IST_SECONDS, movesOf } from "./equity";

const DRAW_DOWN_SHARE = 0.28;

/** The curve with its marks, the benchmark where there is one, and the draw-down below. Returns what takes it away again. */
export function drawEquity(node: HTMLElement, history: HistoryView, benchmark: readonly number[] | null): () => void {
  const style = getComputedStyle(document.documentElement);
  const colour = (name: string): string => style.getPropertyValue(name).trim();
  const chart = createChart(node, {
    autoSize: true,
    layout: { background: { color: "transparent" }, textColor: colour("--muted"), attributionLogo: false, panes: { separatorColor: colour("--line"), enableResize: false } },
    grid: { vertLines: { visible: false }, horzLines: { color: colour("--line") } },
    timeScale: { timeVisible: true },
  });
  // The chart knows UTC only; shifted, its axis shows Indian time. Only here money becomes a float: a pixel needs no paisa.
  const times = history.timestamp.map((time) => (time + IST_SECONDS) as UTCTimestamp);
  const columns = (values: readonly number[]) => times.map((time, i) => ({ time, value: values[i] ?? NaN }));
  const whole = { type: "custom", minMove: 1, formatter: (value: number) => price(value, 0) } as const;
  const equity = chart.addSeries(AreaSeries, { lineColor: colour("--accent"), topColor: `${colour("--accent")}40`, bottomColor: `${colour("--accent")}00`, priceFormat: whole });
  equity.setData(columns(history.equity.map(Number)));
  if (benchmark) {
    const line = chart.addSeries(LineSeries, { color: colour("--series-3"), lineWidth: 2, lineStyle: LineStyle.Dashed, priceFormat: whole, priceLineVisible: false, lastValueVisible: false });
    line.setData(columns(benchmark));
  }
  createSeriesMarkers(equity, movesOf(history).map(({ at, time, amount }): SeriesMarker<UTCTimestamp> => {
    const shared = { time: times[at] ?? (time as UTCTimestamp), size: 1 };
    const value = Number(amount);
    return value > 0
      ? { ...shared, position: "belowBar", shape: "arrowUp", color: colour("--up"), text: `In ${compact(value)}` }
      : { ...shared, position: "aboveBar", shape: "arrowDown", color: colour("--down"), text: `Out ${compact(-value)}` };
  }));
  const down = chart.addSeries(AreaSeries, {
    lineColor: colour("--down"), topColor: `${colour("--down")}00`, bottomColor: `${colour("--down")}40`, invertFilledArea: true, lineWidth: 1,
    priceFormat: { type: "custom", minMove: 0.01, formatter: percent }, priceLineVisible: false,
  }, 1);
  down.setData(columns(drawDown(history)));
  chart.panes()[0]?.setStretchFactor(1 - DRAW_DOWN_SHARE);
  chart.panes()[1]?.setStretchFactor(DRAW_DOWN_SHARE);
  chart.timeScale().fitContent();
  return () => chart.remove();
}
