import type { SpanKind } from "./drawings";

/** A place on the pane, in CSS pixels from its upper left corner. */
export interface Point {
  x: number;
  y: number;
}

export interface Size {
  width: number;
  height: number;
}

export interface Box extends Point, Size {}

export type Segment = readonly [Point, Point];

/** How much of the way back from the end to the beginning each level is. */
export const FIB_RATIOS = [0, 0.236, 0.382, 0.5, 0.618, 0.786, 1] as const;

/** Where a level of a retracement is between where it begins and where it ends: 0 is the end, 1 the beginning. */
export const retraced = (from: number, to: number, ratio: number): number => to + (from - to) * ratio;

/** Distance of `point` from the segment from `a` to `b`, in the unit of the points. */
export function distance(point: Point, a: Point, b: Point): number {
  const [dx, dy] = [b.x - a.x, b.y - a.y];
  const length = dx * dx + dy * dy;
  const along = length === 0 ? 0 : Math.min(1, Math.max(0, ((point.x - a.x) * dx + (point.y - a.y) * dy) / length));
  return Math.hypot(point.x - a.x - along * dx, point.y - a.y - along * dy);
}

/** Where the ray from `a` through `b` leaves the pane; `b` when it is out of it before. */
export function rayEnd(a: Point, b: Point, { width, height }: Size): Point {
  const [dx, dy] = [b.x - a.x, b.y - a.y];
  const steps = (from: number, by: number, most: number): number => (by === 0 ? Infinity : ((by > 0 ? most : 0) - from) / by);
  const times = Math.max(1, Math.min(steps(a.x, dx, width), steps(a.y, dy, height)));
  return Number.isFinite(times) ? { x: a.x + dx * times, y: a.y + dy * times } : b;
}

export const boxOf = (a: Point, b: Point): Box => ({ x: Math.min(a.x, b.x), y: Math.min(a.y, b.y), width: Math.abs(a.x - b.x), height: Math.abs(a.y - b.y) });

/** The four sides of a box. */
export function sides({ x, y, width, height }: Box): Segment[] {
  const corners = [{ x, y }, { x: x + width, y }, { x: x + width, y: y + height }, { x, y: y + height }];
  return corners.map((corner, i) => [corner, corners[(i + 1) % corners.length] ?? corner]);
}

export const contains = ({ x, y, width, height }: Box, point: Point): boolean => point.x >= x && point.x <= x + width && point.y >= y && point.y <= y + height;

/** The levels of a retracement, from `a` back to `b`. */
export const fibLines = (a: Point, b: Point): Segment[] => FIB_RATIOS.map((ratio) => {
  const y = retraced(a.y, b.y, ratio);
  return [{ x: Math.min(a.x, b.x), y }, { x: Math.max(a.x, b.x), y }];
});

/** The lines that a drawing of two anchors consists of. */
export function spanLines(kind: SpanKind, a: Point, b: Point, pane: Size): Segment[] {
  if (kind === "rectangle") return sides(boxOf(a, b));
  if (kind === "fib") return fibLines(a, b);
  return [[a, kind === "ray" ? rayEnd(a, b, pane) : b]];
}

/** How far `point` is from the nearest of `lines`. */
export const fromLines = (point: Point, lines: readonly Segment[]): number => lines.reduce((least, [a, b]) => Math.min(least, distance(point, a, b)), Infinity);

/** `text` in lines of at most `longest` characters; a longer word is broken. */
export function wrapped(text: string, longest: number): string[] {
  const lines: string[] = [];
  let line = "";
  for (const word of text.split(" ")) {
    let rest = word;
    if (line !== "" && line.length + 1 + rest.length > longest) {
      lines.push(line);
      line = "";
    }
    for (; rest.length > longest; rest = rest.slice(longest)) lines.push(rest.slice(0, longest));
    line = line === "" ? rest : `${line} ${rest}`;
  }
  return line === "" ? lines : [...lines, line];
}

/** Where a note of this size goes: right below its anchor, or left where the pane ends. */
export function noteBox(at: Point, { width, height }: Size, pane: Size): Box {
  const fits = at.x + width <= pane.width || at.x < width;
  return { x: fits ? at.x : at.x - width, y: at.y, width, height };
}

/** `box` moved into the pane, as far as it fits. */
export const within = (box: Box, pane: Size): Box => ({
  ...box,
  x: Math.max(0, Math.min(box.x, pane.width - box.width)),
  y: Math.max(0, Math.min(box.y, pane.height - box.height)),
});
