import { createSeriesMarkers, type IPriceLine, type ISeriesApi, type ISeriesMarkersPluginApi, LineStyle, type SeriesMarker, type Time, type UTCTimestamp } from "lightweight-charts";

import { type Bar, indexAt } from "./bars";
import type { LineMove } from "./linePrices";
import { linesOf, type PriceLine } from "./priceLines";

/** A fill of one's own. */
export interface Fill {
  /** Epoch seconds UTC. */
  t: number;
  side: "buy" | "sell";
  quantity: string;
  price: string;
}

/** One of the prices of an order of one's own that works. */
export interface WorkingOrder {
  id: string;
  side: "buy" | "sell";
  quantity: string;
  /** Which price of the order it is: a stop order has two until it is triggered. */
  field: "price" | "trigger_price";
  price: string;
}

/** What one holds of the instrument. */
export interface HeldPosition {
  /** Negative when sold short. */
  quantity: string;
  average: string;
}

/** An alert that watches a price. */
export interface SetAlert {
  id: string;
  price: string;
}

/** A line that the user may take to another price. */
export type MovableLine = WorkingOrder | (SetAlert & { field: "value" });

/** Everything of one's own on the chart of an instrument. */
export interface OwnMarks {
  fills: readonly Fill[];
  orders: readonly WorkingOrder[];
  positions: readonly HeldPosition[];
  alerts: readonly SetAlert[];
}

const STYLES: Record<PriceLine["look"], LineStyle> = {
  buy: LineStyle.LargeDashed, sell: LineStyle.LargeDashed, position: LineStyle.Solid, alert: LineStyle.Dotted,
};

/** One's own fills as arrows at their bars; working orders, positions and alerts as lines. */
export class MarkLayer {
  movable: readonly MovableLine[] = [];
  private lines: IPriceLine[] = [];
  private proposal: LineMove | null = null;
  private bars: readonly Bar[] = [];
  private own: OwnMarks = { fills: [], orders: [], positions: [], alerts: [] };
  private colours: Record<PriceLine["look"], string> = { buy: "#888888", sell: "#888888", position: "#888888", alert: "#888888" };

  constructor(private readonly candles: ISeriesApi<"Candlestick">, private readonly markers: Pick<ISeriesMarkersPluginApi<Time>, "setMarkers"> = createSeriesMarkers(candles, [])) {}

  set(own: OwnMarks, bars: readonly Bar[]): void {
    this.own = own;
    this.movable = [...own.orders, ...own.alerts.map((alert) => ({ ...alert, field: "value" as const }))];
    this.draw(bars);
  }

  /** Show a line at a price that it might be changed to; null shows all where they are. */
  propose(move: LineMove | null): void {
    this.proposal = move;
    this.drawLines();
  }

  draw(bars: readonly Bar[]): void {
    this.bars = bars;
    const shown = this.own.fills.flatMap((fill): SeriesMarker<Time>[] => {
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
    this.drawLines();
  }

  theme(colours: Record<PriceLine["look"], string>): void {
    this.colours = colours;
    this.draw(this.bars);
  }

  private drawLines(): void {
    for (const line of this.lines) this.candles.removePriceLine(line);
    this.lines = linesOf(this.own.orders, this.own.positions, this.own.alerts, this.proposal).map(({ price, title, look }) => this.candles.createPriceLine({
      price, title, color: this.colours[look], lineWidth: 1, lineStyle: STYLES[look], axisLabelVisible: true,
    }));
  }
}
