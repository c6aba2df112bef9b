import type { PrimitiveHoveredItem } from "lightweight-charts";

import { price } from "@/shared/format/numbers";

import { type Bar, indexAt } from "./bars";
import { type Brush, type Colours, paintFibLabels, paintHandles, paintLevel, paintNote, paintRuler, paintSpan } from "./drawingPainter";
import type { Anchor, Drawing, Ruler, Shape } from "./drawings";
import { type Box, contains, distance, fromLines, type Point, type Size, spanLines } from "./geometry";
import { figureWords, measured } from "./measure";
import { PaneLayer, type Target } from "./PaneLayer";

/** What the drawings are put on. */
export interface Ground {
  readonly bars: readonly Bar[];
  readonly decimals: number;
}

const NEAR_PX = 6;

/** Draws everything that users draw over the candles. One primitive for all of it. */
export class DrawingLayer extends PaneLayer {
  private drawings: readonly Drawing[] = [];
  private proposal: Shape | Ruler | null = null;
  private selected: string | null = null;
  private colours: Colours = { line: "#888888", selected: "#888888", paper: "#ffffff", text: "#888888", up: "#888888", down: "#888888" };
  /** Where the notes were painted last: their size is known only then. */
  private readonly notes = new Map<string, Box>();

  constructor(private readonly ground: Ground) {
    super("normal");
  }

  hitTest(x: number, y: number): PrimitiveHoveredItem | null {
    const drawing = this.under({ x, y });
    return drawing && { externalId: drawing.id, cursorStyle: "pointer", zOrder: "normal" };
  }

  /** The drawing at a point of the pane; the uppermost of several. */
  under(point: Point, reach = NEAR_PX): Drawing | null {
    const pane = this.host?.chart.paneSize();
    return (pane && this.drawings.findLast((drawing) => this.farFrom(point, drawing, pane) <= reach)) ?? null;
  }

  set(drawings: readonly Drawing[], selected: string | null): void {
    this.drawings = drawings;
    this.selected = selected;
    this.repaint();
  }

  /** What is being drawn or measured; null for nothing. */
  propose(proposal: Shape | Ruler | null): void {
    this.proposal = proposal;
    this.repaint();
  }

  theme(colours: Colours): void {
    this.colours = colours;
    this.repaint();
  }

  protected paint(target: Target): void {
    const fontFamily = this.host?.chart.options().layout.fontFamily ?? "sans-serif";
    target.useMediaCoordinateSpace(({ context, mediaSize }) => {
      const brush = { context, pane: mediaSize, colours: this.colours, fontFamily };
      this.notes.clear();
      for (const drawing of this.drawings) {
        const box = this.paintShape({ ...brush, strong: drawing.id === this.selected }, drawing);
        if (box) this.notes.set(drawing.id, box);
      }
      if (this.proposal?.kind === "measure") this.paintRuler({ ...brush, strong: true }, this.proposal);
      else if (this.proposal) this.paintShape({ ...brush, strong: true }, this.proposal);
    });
  }

  /** Returns where the text is, for what has one. */
  private paintShape(brush: Brush, shape: Shape): Box | null {
    if (shape.kind === "level") {
      const y = this.height(shape.price);
      if (y !== null) paintLevel(brush, y);
      return null;
    }
    if (shape.kind === "text") {
      const at = this.place(shape.at);
      return at && paintNote(brush, shape.text, at);
    }
    const [from, to] = [this.place(shape.from), this.place(shape.to)];
    if (!from || !to) return null;
    paintSpan(brush, shape.kind, from, to);
    if (shape.kind === "fib") paintFibLabels(brush, [from, to], [shape.from.price, shape.to.price], (value) => price(value, this.ground.decimals));
    if (brush.strong) paintHandles(brush, [from, to]);
    return null;
  }

  private paintRuler(brush: Brush, ruler: Ruler): void {
    const [from, to] = [this.place(ruler.from), this.place(ruler.to)];
    if (from && to) paintRuler(brush, from, to, figureWords(measured(ruler, this.ground.bars), this.ground.decimals));
  }

  private farFrom(point: Point, drawing: Drawing, pane: Size): number {
    if (drawing.kind === "level") {
      const y = this.height(drawing.price);
      return y === null ? Infinity : Math.abs(y - point.y);
    }
    if (drawing.kind === "text") {
      const box = this.notes.get(drawing.id);
      return box && contains(box, point) ? 0 : Infinity;
    }
    const [from, to] = [this.place(drawing.from), this.place(drawing.to)];
    if (!from || !to) return Infinity;
    const ends = Math.min(distance(point, from, from), distance(point, to, to));
    return Math.min(ends, fromLines(point, spanLines(drawing.kind, from, to, pane)));
  }

  private height(value: number): number | null {
    return this.host?.series.priceToCoordinate(value) ?? null;
  }

  private place({ t, price: value }: Anchor): Point | null {
    const logical = indexAt(this.ground.bars, t);
    const y = this.height(value);
    const x = logical === null ? null : (this.host?.chart.timeScale().logicalToCoordinate(logical as never) ?? null);
    return x === null || y === null ? null : { x, y };
  }
}
