import type { IChartApi } from "lightweight-charts";

import type { DrawingLayer, Grip, Ground } from "./DrawingLayer";
import { type Anchor, type Drawing, isSpan, type Ruler, type Shape, type Span, type Tool } from "./drawings";
import { shifted, withHandle } from "./edits";
import { distance, type Point } from "./geometry";
import type { Habits } from "./habits";
import type { PointerHold } from "./PointerHold";

/** What the pointer does where it comes down. */
export interface Hand extends Habits {
  tool: Tool | null;
}

/** Where points of the pane are in time and price. */
export interface Scene extends Ground {
  /** @param magnet whether prices of the bar that are near attract. */
  anchorAt(point: Point, magnet: boolean): Anchor | null;
}

/** What the pointer has done. */
export type DrawingEvent =
  | { type: "draw"; shape: Exclude<Shape, { kind: "text" }> }
  /** A note is wanted; what it says has to be asked for. */
  | { type: "note"; at: Anchor }
  | { type: "select"; id: string | null }
  /** Moved, or one of its ends was. */
  | { type: "change"; drawing: Drawing }
  /** Null when the measure is gone again. */
  | { type: "measure"; ruler: Ruler | null };

const CLICK_WITHIN_PX = 5;
/** How far from a drawing it can be taken: a finger is wider than a mouse. */
const REACH_PX = { mouse: 6, touch: 16 };

const same = (a: Anchor, b: Anchor): boolean => a.t === b.t && a.price === b.price;

/** Turns clicks, drags and taps on the prices into drawings, and moves those that are there. What takes two points takes two clicks, or one drag. */
export class DrawingPointer {
  private hand: Hand = { tool: null, magnet: false, locked: false };
  /** Where what is being drawn begins; `clicked` once that click is over. */
  private start: { at: Anchor; clicked: boolean } | null = null;
  private ruler: Ruler | null = null;
  /** What is dragged, where it was taken, and what has become of it. */
  private held: (Grip & { at: Anchor; moved: Drawing | null }) | null = null;
  private pressed: Point | null = null;

  // Not the library's own clicks: it swallows the second one of two that come within half a second.
  constructor(
    private readonly element: HTMLElement, private readonly chart: IChartApi, private readonly hold: PointerHold, private readonly layer: DrawingLayer,
    private readonly scene: Scene, private readonly done: (event: DrawingEvent) => void,
  ) {
    // Before the chart itself, which would begin to scroll.
    element.addEventListener("pointerdown", this.down, { capture: true });
    element.addEventListener("pointermove", this.move);
    element.addEventListener("pointerup", this.up);
    element.addEventListener("pointercancel", () => this.letGo());
  }

  /** Take a tool in hand, or none, and draw as the user wants it. */
  take(hand: Hand): void {
    const other = hand.tool !== this.hand.tool || hand.locked !== this.hand.locked;
    this.hand = hand;
    if (!other) return;
    this.letGo();
    if (hand.tool !== null) this.measure(null);
  }

  /** Forget what is half drawn, dragged or measured; whether there was anything. */
  cancel(): boolean {
    const had = this.start !== null || this.held !== null || this.ruler !== null;
    this.letGo();
    this.measure(null);
    return had;
  }

  private readonly down = (event: PointerEvent): void => {
    if (!event.isPrimary || event.button !== 0 || this.hold.taken) return;
    this.pressed = null;
    const point = this.pointOf(event);
    const pane = this.chart.paneSize(0);
    if (point.x >= pane.width || point.y >= pane.height) return;
    this.pressed = point;
    this.element.focus({ preventScroll: true });
    this.measure(null);
    const { tool } = this.hand;
    if (tool === "measure" || (tool && isSpan(tool))) this.begin(event, point);
    else if (!tool) this.grasp(event, point);
  };

  private begin(event: PointerEvent, point: Point): void {
    const at = this.anchorAt(point);
    if (!at) return;
    this.start ??= { at, clicked: false };
    this.hold.take(event);
  }

  private grasp(event: PointerEvent, point: Point): void {
    const touch = event.pointerType === "touch";
    const grip = this.hand.locked ? null : this.layer.grip(point, touch ? REACH_PX.touch : REACH_PX.mouse);
    const at = this.scene.anchorAt(point, false);
    // A finger that scrolls the chart comes down on a line without meaning it.
    if (!grip || !at || (touch && !this.layer.isSelected(grip.drawing))) return;
    this.held = { ...grip, at, moved: null };
    this.hold.take(event);
  }

  private readonly move = (event: PointerEvent): void => {
    if (!event.isPrimary) return;
    const point = this.onPane(event);
    if (this.held) {
      this.drag(this.held, point);
      return;
    }
    const at = this.start && this.anchorAt(point);
    if (at) this.layer.propose(this.between(at));
  };

  private drag(held: NonNullable<typeof this.held>, point: Point): void {
    const { drawing, handle, moved } = held;
    if (!moved && this.isClick(point)) return;
    const at = handle === null ? this.scene.anchorAt(point, false) : this.anchorAt(point);
    if (!at) return;
    held.moved = handle === null ? shifted(drawing, held.at, at, this.scene.bars) : withHandle(drawing, handle, at);
    this.layer.propose(held.moved);
  }

  private readonly up = (event: PointerEvent): void => {
    const { pressed, held } = this;
    if (!pressed || !event.isPrimary) return;
    const point = this.onPane(event);
    const clicked = this.isClick(point);
    this.pressed = null;
    this.held = null;
    this.hold.release();
    const at = this.anchorAt(point);
    if (!at) return;
    if (held?.moved) {
      this.layer.accept(held.moved);
      this.done({ type: "change", drawing: held.moved });
    } else if (this.start) {
      const made = !clicked || this.start.clicked ? this.between(at) : null;
      this.start.clicked = true;
      if (made && !same(made.from, made.to)) this.finish(made);
    } else if (clicked) {
      this.click(at, point, event.pointerType === "touch" ? REACH_PX.touch : REACH_PX.mouse);
    }
  };

  private isClick(point: Point): boolean {
    return this.pressed !== null && distance(point, this.pressed, this.pressed) <= CLICK_WITHIN_PX;
  }

  private anchorAt(point: Point): Anchor | null {
    return this.scene.anchorAt(point, this.hand.magnet);
  }

  private click(at: Anchor, point: Point, reach: number): void {
    const { tool, locked } = this.hand;
    if (tool === "level") this.done({ type: "draw", shape: { kind: "level", price: at.price } });
    else if (tool === "text") this.done({ type: "note", at });
    else this.done({ type: "select", id: locked ? null : (this.layer.under(point, reach)?.id ?? null) });
  }

  private between(to: Anchor): Span | Ruler | null {
    const { tool } = this.hand;
    if (!this.start || !tool || tool === "level" || tool === "text") return null;
    const from = this.start.at;
    return tool === "measure" ? { kind: tool, from, to } : { kind: tool, from, to };
  }

  private finish(made: Span | Ruler): void {
    this.start = null;
    if (made.kind === "measure") {
      this.measure(made);
    } else {
      this.layer.propose(null);
      this.done({ type: "draw", shape: made });
    }
  }

  private measure(ruler: Ruler | null): void {
    if (ruler === this.ruler) return;
    this.ruler = ruler;
    this.layer.propose(ruler);
    this.done({ type: "measure", ruler });
  }

  private letGo(): void {
    // Not what somebody else holds.
    if (this.pressed) this.hold.release();
    this.start = null;
    this.held = null;
    this.pressed = null;
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
