import type { ISeriesApi, PrimitiveHoveredItem, SeriesType } from "lightweight-charts";

import { type Anchor, distance, type Drawing, type Point } from "./drawings";
import { PaneLayer, type Target } from "./PaneLayer";

const NEAR_PX = 6;
const HANDLE_PX = 4;

interface Colours {
  line: string;
  selected: string;
  paper: string;
}

/** Draws levels and trend lines over the candles. One primitive for all of them. */
export class DrawingLayer extends PaneLayer {
  private drawings: readonly Drawing[] = [];
  private pending: { from: Anchor; to: Anchor } | null = null;
  private selected: string | null = null;
  private colours: Colours = { line: "#888888", selected: "#888888", paper: "#ffffff" };

  /** @param logicalAt which bar a moment falls into; null when that is not loaded. */
  constructor(private readonly logicalAt: (t: number) => number | null) {
    super("normal");
  }

  hitTest(x: number, y: number): PrimitiveHoveredItem | null {
    const width = this.host?.chart.paneSize().width ?? 0;
    for (const drawing of this.drawings) {
      const ends = this.ends(drawing, width);
      if (ends && distance({ x, y }, ...ends) <= NEAR_PX) return { externalId: drawing.id, cursorStyle: "pointer", zOrder: "top" };
    }
    return null;
  }

  set(drawings: readonly Drawing[], selected: string | null): void {
    this.drawings = drawings;
    this.selected = selected;
    this.repaint();
  }

  /** The line that is being drawn; null when none is. */
  propose(pending: { from: Anchor; to: Anchor } | null): void {
    this.pending = pending;
    this.repaint();
  }

  theme(colours: Colours): void {
    this.colours = colours;
    this.repaint();
  }

  protected paint(target: Target): void {
    target.useMediaCoordinateSpace(({ context, mediaSize }) => {
      for (const drawing of this.drawings) {
        const ends = this.ends(drawing, mediaSize.width);
        if (ends) this.stroke(context, ends, drawing.id === this.selected, drawing.kind === "trend");
      }
      const from = this.pending && this.place(this.pending.from);
      const to = this.pending && this.place(this.pending.to);
      if (from && to) this.stroke(context, [from, to], true, true);
    });
  }

  private stroke(context: CanvasRenderingContext2D, [a, b]: [Point, Point], strong: boolean, handles: boolean): void {
    context.lineWidth = strong ? 2.5 : 1.5;
    context.strokeStyle = strong ? this.colours.selected : this.colours.line;
    context.beginPath();
    context.moveTo(a.x, a.y);
    context.lineTo(b.x, b.y);
    context.stroke();
    if (!strong || !handles) return;
    context.fillStyle = this.colours.paper;
    for (const { x, y } of [a, b]) {
      context.beginPath();
      context.arc(x, y, HANDLE_PX, 0, 2 * Math.PI);
      context.fill();
      context.stroke();
    }
  }

  private ends(drawing: Drawing, width: number): [Point, Point] | null {
    if (drawing.kind === "level") {
      const y = this.series()?.priceToCoordinate(drawing.price);
      return y === null || y === undefined ? null : [{ x: 0, y }, { x: width, y }];
    }
    const [from, to] = [this.place(drawing.from), this.place(drawing.to)];
    return from && to ? [from, to] : null;
  }

  private place({ t, price }: Anchor): Point | null {
    const logical = this.logicalAt(t);
    const y = this.series()?.priceToCoordinate(price) ?? null;
    const x = logical === null ? null : (this.host?.chart.timeScale().logicalToCoordinate(logical as never) ?? null);
    return x === null || y === null ? null : { x, y };
  }

  private series(): ISeriesApi<SeriesType> | undefined {
    return this.host?.series;
  }
}
