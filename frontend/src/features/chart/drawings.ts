/** A point that stays where it is in every interval: epoch seconds UTC and a price. */
export interface Anchor {
  t: number;
  price: number;
}

export type Drawing =
  | { id: string; kind: "level"; price: number }
  | { id: string; kind: "trend"; from: Anchor; to: Anchor };

/** What the next click on the chart draws. */
export type Tool = "level" | "trend" | null;

export interface Point {
  x: number;
  y: number;
}

/** Distance of `point` from the segment from `a` to `b`, in the unit of the points. */
export function distance(point: Point, a: Point, b: Point): number {
  const [dx, dy] = [b.x - a.x, b.y - a.y];
  const length = dx * dx + dy * dy;
  const along = length === 0 ? 0 : Math.min(1, Math.max(0, ((point.x - a.x) * dx + (point.y - a.y) * dy) / length));
  return Math.hypot(point.x - a.x - along * dx, point.y - a.y - along * dy);
}

function isAnchor(value: unknown): value is Anchor {
  const anchor = value as Partial<Anchor> | null | undefined;
  return typeof anchor?.t === "number" && typeof anchor.price === "number";
}

/** Drawings out of stored settings, whoever wrote them. */
export function storedDrawings(value: unknown): Drawing[] {
  if (!Array.isArray(value)) return [];
  return value.filter((item): item is Drawing => {
    const drawing = item as Partial<Record<string, unknown>> | null;
    if (typeof drawing?.id !== "string") return false;
    return drawing.kind === "level" ? typeof drawing.price === "number" : drawing.kind === "trend" && isAnchor(drawing.from) && isAnchor(drawing.to);
  });
}
