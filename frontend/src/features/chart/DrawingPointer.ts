import type { IChartApi } from "lightweight-charts";

import type { DrawingLayer } from "./DrawingLayer";
import { type Anchor, isSpan, type Ruler, type Shape, type Tool } from "./drawings";
import { distance, type Point } from "./geometry";
import type { PointerHold } from "./PointerHold";

/** What the pointer has done. */
export type DrawingEvent =
  | { type: "draw"; shape: Exclude<Shape, { kind: "text" }> }
  /** A note is wanted; what it says has to be asked for. */
  | { type: "note"; at: Anchor }
  | { type: "select"; id: string | null }
  /** Null when the measure is gone again. */
  | { type: "measure"; ruler: Ruler | null };

const CLICK_WITHIN_PX = 5;

const same = (a: Anchor, b: Anchor): boolean => a.t === b.t && a.price === b.price;

/** Turns clicks, drags and taps on the prices into drawings. What takes two points takes two clicks, or one drag. */
export class DrawingPointer {
  private tool: Tool | null = null;
  /** Where what is being drawn begins; `clicked` once that click is over. */
  private start: { at: Anchor; clicked: boolean } | null = null;
  private ruler: Ruler | null = null;
  private pressed: Point | null = null;

  // Not the library's own clicks: it swallows the second one of two that come within half a second.
  constructor(
    private readonly element: HTMLElement, private readonly chart: IChartApi, private readonly hold: PointerHold, private readonly layer: DrawingLayer,
    private readonly anchorAt: (point: Point) => Anchor | null, private readonly done: (event: DrawingEvent) => void,
  ) {
    // Before the chart itself, which would begin to scroll.
    element.addEventListener("pointerdown", this.down, { capture: true });
    element.addEventListener("pointermove", this.move);
    element.addEventListener("pointerup", this.up);
    element.addEventListener("pointercancel", () => this.letGo());
  }

  /** Take a tool in hand, or none. */
  take(tool: Tool | null): void {
    if (tool === this.tool) return;
    this.tool = tool;
    this.letGo();
    if (tool !== null) this.measure(null);
  }

  /** Forget what is half drawn or measured; whether there was anything. */
  cancel(): boolean {
    const had = this.start !== null || this.ruler !== null;
    this.letGo();
    this.measure(null);
    return had;
  }

  private readonly down = (event: PointerEvent): void => {
    this.pressed = null;
    if (!event.isPrimary || event.button !== 0 || this.hold.taken) return;
    const point = this.pointOf(event);
    const pane = this.chart.paneSize(0);
    if (point.x >= pane.width || point.y >= pane.height) return;
    this.pressed = point;
    this.element.focus({ preventScroll: true });
    this.measure(null);
    if (this.tool !== "measure" && !(this.tool && isSpan(this.tool))) return;
    const at = this.anchorAt(point);
    if (!at) return;
    this.start ??= { at, clicked: false };
    this.hold.take(event);
  };

  private readonly move = (event: PointerEvent): void => {
    const at = event.isPrimary && this.start ? this.anchorAt(this.onPane(event)) : null;
    if (at) this.layer.propose(this.between(at));
  };

  private readonly up = (event: PointerEvent): void => {
    const { pressed } = this;
    this.pressed = null;
    this.hold.release();
    const point = this.onPane(event);
    const at = pressed && this.anchorAt(point);
    if (!at) return;
    const moved = distance(point, pressed, pressed) > CLICK_WITHIN_PX;
    if (this.start) {
      const made = moved || this.start.clicked ? this.between(at) : null;
      this.start.clicked = true;
      if (made && !same(made.from, made.to)) this.finish(made);
    } else if (!moved) {
      this.click(at, point);
    }
  };

  private click(at: Anchor, point: Point): void {
    if (this.tool === "level") this.done({ type: "draw", shape: { kind: "level", price: at.price } });
    else if (this.tool === "text") this.done({ type: "note", at });
    else this.done({ type: "select", id: this.layer.under(point)?.id ?? null });
  }

  private between(to: Anchor) {
    if (!this.start || !this.tool || this.tool === "level" || this.tool === "text") return null;
    return { kind: this.tool, from: this.start.at, to };
  }

  private finish({ kind, from, to }: { kind: Exclude<Tool, "level" | "text">; from: Anchor; to: Anchor }): void {
    this.start = null;
    if (kind === "measure") {
      this.measure({ kind, from, to });
    } else {
      this.layer.propose(null);
      this.done({ type: "draw", shape: { kind, from, to } });
    }
  }

  private measure(ruler: Ruler | null): void {
    if (ruler === this.ruler) return;
    this.ruler = ruler;
    this.layer.propose(ruler);
    this.done({ type: "measure", ruler });
  }

  private letGo(): void {
    this.start = null;
    this.pressed = null;
    this.hold.release();
    this.layer.propose(this.ruler);
  }

  private pointOf({ clientX, clientY }: PointerEvent): Point {
    const box = this.element.getBoundingClientRect();
    return { x: clientX - box.left, y: clientY - box.top };
  }

  /** A drag may end beside the prices. */
  private onPane(event: PointerEvent): Point {
    const { x, y } = this.pointOf(event);
    const { width, height } = this.chart.paneSize(0);
    return { x: Math.max(0, Math.min(x, width - 1)), y: Math.max(0, Math.min(y, height - 1)) };
  }
}
