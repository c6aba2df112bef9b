import type { PrimitiveHoveredItem } from "lightweight-charts";

import { price } from "@/shared/format/numbers";

import type { Bar } from "./bars";
import { type Brush, type Colours, HANDLE_PX, paintFibLabels, paintHandles, paintLevel, paintNote, paintRuler, paintSpan } from "./drawingPainter";
import type { Anchor, Drawing, Ruler, Shape, Span } from "./drawings";
import { handlesOf } from "./edits";
import { type Box, contains, distance, fromLines, type Point, type Size, spanLines } from "./geometry";
import { figureWords, measured } from "./measure";
import { PaneLayer, type Target } from "./PaneLayer";
import { placeAt } from "./places";

/** What the drawings are put on. */
export interface Ground {
  readonly bars: readonly Bar[];
  readonly decimals: number;
}

/** A place where a drawing was taken: one of its handles, or anywhere else on it (null). */
export interface Grip {
  drawing: Drawing;
  handle: number | null;
}

const NEAR_PX = 6;
/** A bar left of everything that is on the screen. */
const BEFORE_ALL = -100;

/** Draws everything that users draw over the candles. One primitive for all of it. */
export class DrawingLayer extends PaneLayer {
  private drawings: readonly Drawing[] = [];
  private proposal: Drawing | Shape | Ruler | null = null;
  private selected: string | null = null;
  private colours: Colours = { line: "#888888", selected: "#888888", paper: "#ffffff", text: "#888888", up: "#888888", down: "#888888" };
  /** Where the notes were painted last: their size is known only then. */
  private readonly notes = new Map<string, Box>();

  constructor(private readonly ground: Ground) {
    // Over studies and volume, too, which are painted after the candles.
    super("top");
  }

  hitTest(x: number, y: number): PrimitiveHoveredItem | null {
    const drawing = this.under({ x, y });
    return drawing && { externalId: drawing.id, cursorStyle: "pointer", zOrder: "top" };
  }

  /** The drawing at a point of the pane; the uppermost of several. */
  under(point: Point, reach = NEAR_PX): Drawing | null {
    const pane = this.host?.chart.paneSize();
    return (pane && this.drawings.findLast((drawing) => this.farFrom(point, drawing, pane) <= reach)) ?? null;
  }

  /** Where a pointer takes a drawing; the handles of the selected one come first, which are painted over the others. */
  grip(point: Point, reach = NEAR_PX): Grip | null {
    const drawing = this.drawings.find(({ id }) => id === this.selected);
    const handles = drawing ? handlesOf(drawing).map((anchor) => this.place(anchor)) : [];
    const handle = handles.findIndex((place) => place && distance(point, place, place) <= reach + HANDLE_PX);
    if (drawing && handle >= 0) return { drawing, handle };
    const under = this.under(point, reach);
    return under && { drawing: under, handle: null };
  }

  /** Show these, and which one is selected. */
  set(drawings: readonly Drawing[], selected: string | null): void {
    this.drawings = drawings.filter(({ hidden }) => !hidden);
    this.selected = selected;
    this.repaint();
  }

  /** What is being drawn, measured or moved, which is not seen where it was meanwhile; null for nothing. */
  propose(proposal: Drawing | Shape | Ruler | null): void {
    this.proposal = proposal;
    this.repaint();
  }

  /** Show a changed drawing until `set` brings it, so that it is seen nowhere else in between. */
  accept(drawing: Drawing): void {
    this.drawings = this.drawings.map((now) => (now.id === drawing.id ? drawing : now));
    this.propose(null);
  }

  isSelected(drawing: Drawing): boolean {
    return drawing.id === this.selected;
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
      const moved = this.proposal && "id" in this.proposal ? this.proposal.id : null;
      for (const drawing of this.drawings) {
        if (drawing.id === moved) continue;
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
    const ends = this.ends(shape);
    if (!ends) return null;
    paintSpan(brush, shape.kind, ...ends);
    if (shape.kind === "fib") paintFibLabels(brush, ends, [shape.from.price, shape.to.price], (value) => price(value, this.ground.decimals));
    if (brush.strong) paintHandles(brush, handlesOf(shape).flatMap((anchor) => this.place(anchor) ?? []));
    return null;
  }

  private paintRuler(brush: Brush, ruler: Ruler): void {
    const ends = this.ends(ruler);
    if (ends) paintRuler(brush, ...ends, figureWords(measured(ruler, this.ground.bars), this.ground.decimals));
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
    const ends = this.ends(drawing);
    return ends ? fromLines(point, spanLines(drawing.kind, ...ends, pane)) : Infinity;
  }

  private height(value: number): number | null {
    return this.host?.series.priceToCoordinate(value) ?? null;
  }

  /** Both ends of a drawing; null where one is not to be had. */
  private ends({ kind, from, to }: Span | Ruler): [Point, Point] | null {
    // What only has level sides is the same however far back it began; a slope is not.
    const level = kind === "rectangle" || kind === "fib";
    const [a, b] = [this.place(from, level), this.place(to, level)];
    return a && b && [a, b];
  }

  /** @param before whether a moment before all bars counts as left of them. */
  private place({ t, price: value }: Anchor, before = false): Point | null {
    const logical = placeAt(this.ground.bars, t) ?? (before && this.ground.bars.length > 0 ? BEFORE_ALL : null);
    const y = this.height(value);
    const x = logical === null ? null : (this.host?.chart.timeScale().logicalToCoordinate(logical as never) ?? null);
    return x === null || y === null ? null : { x, y };
  }
}
