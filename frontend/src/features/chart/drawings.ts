/** A point that stays where it is in every interval: epoch seconds UTC and a price. */
export interface Anchor {
  t: number;
  price: number;
}

/** Kinds that two anchors make. */
export const SPANS = ["trend", "ray", "rectangle", "fib"] as const;
export type SpanKind = (typeof SPANS)[number];

export interface Span {
  kind: SpanKind;
  from: Anchor;
  to: Anchor;
}

/** What is drawn, wherever it is kept. */
export type Shape = { kind: "level"; price: number } | Span | { kind: "text"; at: Anchor; text: string };

export type Drawing = Shape & { id: string; hidden?: true };

/** A distance that somebody looks at; it is never kept. */
export interface Ruler {
  kind: "measure";
  from: Anchor;
  to: Anchor;
}

/** What the next click or drag on the chart makes. */
export type Tool = Shape["kind"] | Ruler["kind"];

export const NAMES: Readonly<Record<Tool, string>> = {
  level: "Level", trend: "Trend line", ray: "Ray", rectangle: "Rectangle", fib: "Fibonacci", text: "Note", measure: "Measure",
};

/** Of a note, in UTF-16 units: two hundred notes have to fit into one preference. */
export const LONGEST_NOTE = 100;

export const isSpan = (kind: Tool): kind is SpanKind => (SPANS as readonly Tool[]).includes(kind);

/** `text` as a note keeps it: one line, not too long. */
export const noteOf = (text: string): string => text.replace(/\s+/g, " ").trim().slice(0, LONGEST_NOTE).trim();

const isNumber = (value: unknown): value is number => typeof value === "number" && Number.isFinite(value);

function storedAnchor(value: unknown): Anchor | null {
  const anchor = value as Partial<Record<keyof Anchor, unknown>> | null | undefined;
  return isNumber(anchor?.t) && isNumber(anchor.price) ? { t: anchor.t, price: anchor.price } : null;
}

function storedShape(stored: Partial<Record<string, unknown>>): Shape | null {
  const { kind } = stored;
  if (kind === "level") return isNumber(stored.price) ? { kind, price: stored.price } : null;
  if (kind === "text") {
    const [at, text] = [storedAnchor(stored.at), typeof stored.text === "string" ? noteOf(stored.text) : ""];
    return at && text !== "" ? { kind, at, text } : null;
  }
  const span = SPANS.find((known) => known === kind);
  const [from, to] = [storedAnchor(stored.from), storedAnchor(stored.to)];
  return span && from && to ? { kind: span, from, to } : null;
}

/** Drawings out of stored settings, whoever wrote them. What is none is left out. */
export function storedDrawings(value: unknown): Drawing[] {
  if (!Array.isArray(value)) return [];
  return value.flatMap((item: unknown): Drawing[] => {
    const stored = item as Partial<Record<string, unknown>> | null;
    const shape = typeof stored?.id === "string" ? storedShape(stored) : null;
    return shape && typeof stored?.id === "string" ? [{ id: stored.id, ...shape, ...(stored.hidden === true && { hidden: true }) }] : [];
  });
}
