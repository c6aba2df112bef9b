import type { SpanKind } from "./drawings";
import { type Box, boxOf, FIB_RATIOS, fibLines, noteBox, type Point, retraced, type Segment, type Size, spanLines, within, wrapped } from "./geometry";

export interface Colours {
  line: string;
  selected: string;
  paper: string;
  text: string;
  up: string;
  down: string;
}

/** Where and how something is painted. */
export interface Brush {
  context: CanvasRenderingContext2D;
  pane: Size;
  colours: Colours;
  fontFamily: string;
  /** Selected, or just being drawn. */
  strong: boolean;
}

export const HANDLE_PX = 4;
const FONT_PX = 11;
const LINE_PX = 15;
const PAD_PX = 6;
const LONGEST_LINE = 28;
const TINT = 0.12;

function stroke({ context, colours, strong }: Brush, lines: readonly Segment[]): void {
  context.lineWidth = strong ? 2.5 : 1.5;
  context.strokeStyle = strong ? colours.selected : colours.line;
  context.beginPath();
  for (const [a, b] of lines) {
    context.moveTo(a.x, a.y);
    context.lineTo(b.x, b.y);
  }
  context.stroke();
}

function tint(context: CanvasRenderingContext2D, { x, y, width, height }: Box, colour: string): void {
  context.save();
  context.globalAlpha = TINT;
  context.fillStyle = colour;
  context.fillRect(x, y, width, height);
  context.restore();
}

/** Room for lines of text, at the origin. */
function roomFor({ context, fontFamily }: Brush, lines: readonly string[]): Size {
  context.font = `${FONT_PX}px ${fontFamily}`;
  const widest = lines.reduce((most, line) => Math.max(most, context.measureText(line).width), 0);
  return { width: Math.ceil(widest) + 2 * PAD_PX, height: lines.length * LINE_PX + PAD_PX };
}

function sign({ context, colours, fontFamily }: Brush, lines: readonly string[], box: Box, edge: string): void {
  context.fillStyle = colours.paper;
  context.fillRect(box.x, box.y, box.width, box.height);
  context.lineWidth = 1;
  context.strokeStyle = edge;
  context.strokeRect(box.x + 0.5, box.y + 0.5, box.width - 1, box.height - 1);
  context.font = `${FONT_PX}px ${fontFamily}`;
  context.fillStyle = colours.text;
  context.textAlign = "left";
  context.textBaseline = "middle";
  lines.forEach((line, i) => context.fillText(line, box.x + PAD_PX, box.y + PAD_PX / 2 + (i + 0.5) * LINE_PX));
}

/** Round marks at which a drawing can be taken. */
export function paintHandles({ context, colours }: Brush, points: readonly Point[]): void {
  context.fillStyle = colours.paper;
  context.strokeStyle = colours.selected;
  context.lineWidth = 2;
  for (const { x, y } of points) {
    context.beginPath();
    context.arc(x, y, HANDLE_PX, 0, 2 * Math.PI);
    context.fill();
    context.stroke();
  }
}

export function paintLevel(brush: Brush, y: number): void {
  stroke(brush, [[{ x: 0, y }, { x: brush.pane.width, y }]]);
}

export function paintSpan(brush: Brush, kind: SpanKind, a: Point, b: Point): void {
  if (kind === "rectangle") tint(brush.context, boxOf(a, b), brush.strong ? brush.colours.selected : brush.colours.line);
  stroke(brush, spanLines(kind, a, b, brush.pane));
}

/** What each level of a retracement is, at the left end of its line. */
export function paintFibLabels({ context, colours, fontFamily }: Brush, [a, b]: Segment, [from, to]: readonly [number, number], words: (price: number) => string): void {
  context.font = `${FONT_PX}px ${fontFamily}`;
  context.textAlign = "left";
  context.textBaseline = "bottom";
  context.lineWidth = 3;
  context.lineJoin = "round";
  context.strokeStyle = colours.paper;
  context.fillStyle = colours.text;
  fibLines(a, b).forEach(([left], i) => {
    const ratio = FIB_RATIOS[i] ?? 0;
    const text = `${ratio}  ${words(retraced(from, to, ratio))}`;
    const [x, y] = [Math.max(0, left.x) + 4, left.y - 1];
    context.strokeText(text, x, y);
    context.fillText(text, x, y);
  });
}

/** Paints a note and says where it is. */
export function paintNote(brush: Brush, text: string, at: Point): Box {
  const lines = wrapped(text, LONGEST_LINE);
  const box = noteBox(at, roomFor(brush, lines), brush.pane);
  sign(brush, lines, box, brush.strong ? brush.colours.selected : brush.colours.line);
  return box;
}

/** A measured distance: its box, an arrow from `a` to `b`, and what it is in words. */
export function paintRuler(brush: Brush, a: Point, b: Point, words: readonly string[]): void {
  const { context, colours, pane } = brush;
  const colour = b.y <= a.y ? colours.up : colours.down;
  const box = boxOf(a, b);
  tint(context, box, colour);
  context.lineWidth = 1.5;
  context.strokeStyle = colour;
  context.beginPath();
  for (const [from, to] of [[{ x: (a.x + b.x) / 2, y: a.y }, { x: (a.x + b.x) / 2, y: b.y }], [{ x: a.x, y: (a.y + b.y) / 2 }, { x: b.x, y: (a.y + b.y) / 2 }]] as const) {
    context.moveTo(from.x, from.y);
    context.lineTo(to.x, to.y);
    const [dx, dy] = [Math.sign(to.x - from.x) * 5, Math.sign(to.y - from.y) * 5];
    context.moveTo(to.x - dx - dy, to.y - dy - dx);
    context.lineTo(to.x, to.y);
    context.lineTo(to.x - dx + dy, to.y - dy + dx);
  }
  context.stroke();
  const size = roomFor(brush, words);
  const y = b.y <= a.y ? box.y - size.height - 6 : box.y + box.height + 6;
  sign(brush, words, within({ x: (a.x + b.x - size.width) / 2, y, ...size }, pane), colour);
}
