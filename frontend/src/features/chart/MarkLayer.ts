import { createSeriesMarkers, type IPriceLine, type ISeriesApi, type ISeriesMarkersPluginApi, LineStyle, type SeriesMarker, type Time, type UTCTimestamp } from "lightweight-charts";

import { type Bar, indexAt } from "./bars";

/** A fill of one's own. */
export interface Fill {
  /** Epoch seconds UTC. */
  t: number;
  side: "buy" | "sell";
  quantity: string;
  price: string;
}

/** An order of one's own that works. */
export interface WorkingOrder {
  id: string;
  side: "buy" | "sell";
  quantity: string;
  price: string;
}

/** One's own fills as arrows at their bars, and working orders as lines. */
export class MarkLayer {
  private readonly markers: ISeriesMarkersPluginApi<Time>;
  private lines: IPriceLine[] = [];
  private fills: readonly Fill[] = [];
  private orders: readonly WorkingOrder[] = [];
  private colours = { buy: "#888888", sell: "#888888" };

  constructor(private readonly candles: ISeriesApi<"Candlestick">) {
    this.markers = createSeriesMarkers(candles, []);
  }

  set(fills: readonly Fill[], orders: readonly WorkingOrder[], bars: readonly Bar[]): void {
    this.fills = fills;
    this.orders = orders;
    this.draw(bars);
  }

  /** @returns how many fills are on the chart. */
  draw(bars: readonly Bar[]): number {
    const shown = this.fills.flatMap((fill): SeriesMarker<Time>[] => {
      const index = indexAt(bars, fill.t);
      const bar = index === null ? undefined : bars[index];
      if (!bar) return [];
      const buy = fill.side === "buy";
      return [{
        time: bar.t as UTCTimestamp, position: buy ? "belowBar" : "aboveBar", shape: buy ? "arrowUp" : "arrowDown",
        color: this.colours[fill.side], text: `${buy ? "B" : "S"} ${fill.quantity} @ ${fill.price}`,
      }];
    });
    this.markers.setMarkers(shown.sort((a, b) => Number(a.time) - Number(b.time)));
    for (const line of this.lines) this.candles.removePriceLine(line);
    this.lines = this.orders.map((order) => this.candles.createPriceLine({
      price: Number(order.price), color: this.colours[order.side], lineWidth: 1, lineStyle: LineStyle.LargeDashed, axisLabelVisible: true,
      title: `${order.side} ${order.quantity}`,
    }));
    return shown.length;
  }

  theme(buy: string, sell: string, bars: readonly Bar[]): void {
    this.colours = { buy, sell };
    this.draw(bars);
  }
}
