import type { Bar } from "./bars";
import type { Anchor, Drawing, Shape } from "./drawings";
import { momentAt, placeAt } from "./places";

/** Where a drawing can be taken: its ends, or the four corners of a rectangle. */
export function handlesOf(shape: Shape): Anchor[] {
  if (shape.kind === "level" || shape.kind === "text") return [];
  const { from, to } = shape;
  if (shape.kind !== "rectangle") return [from, to];
  return [from, to, { t: from.t, price: to.price }, { t: to.t, price: from.price }];
}

/** `drawing` with one of its handles taken to `at`. */
export function withHandle(drawing: Drawing, handle: number, at: Anchor): Drawing {
  if (drawing.kind === "level" || drawing.kind === "text") return drawing;
  const { from, to } = drawing;
  switch (handle) {
    case 0: return { ...drawing, from: at };
    case 1: return { ...drawing, to: at };
    case 2: return { ...drawing, from: { ...from, t: at.t }, to: { ...to, price: at.price } };
    default: return { ...drawing, from: { ...from, price: at.price }, to: { ...to, t: at.t } };
  }
}

/** Sums of decimals without the noise of binary fractions. */
const sum = (a: number, b: number): number => Number((a + b).toPrecision(12));

/**
 * `drawing` moved from one place to another, by whole bars. It stays as wide as it is, so it stops where one of its ends
 * would be before the first bar.
 */
export function shifted(drawing: Drawing, from: Anchor, to: Anchor, bars: readonly Bar[]): Drawing {
  const by = sum(to.price, -from.price);
  if (drawing.kind === "level") return { ...drawing, price: sum(drawing.price, by) };
  const anchors = drawing.kind === "text" ? [drawing.at] : [drawing.from, drawing.to];
  const places = anchors.map(({ t }) => placeAt(bars, t)).filter((place) => place !== null);
  const wanted = (placeAt(bars, to.t) ?? 0) - (placeAt(bars, from.t) ?? 0);
  // How far an end is from bars that are not loaded is not known: such a drawing goes up and down only.
  const steps = places.length < anchors.length ? 0 : Math.max(-Math.min(...places), wanted);
  const moved = (anchor: Anchor): Anchor => {
    // In a longer interval than it was drawn in, a move up or down must not take it to the beginning of its bar.
    const t = steps === 0 ? null : momentAt(bars, (placeAt(bars, anchor.t) ?? 0) + steps);
    return { t: t ?? anchor.t, price: sum(anchor.price, by) };
  };
  return drawing.kind === "text" ? { ...drawing, at: moved(drawing.at) } : { ...drawing, from: moved(drawing.from), to: moved(drawing.to) };
}
