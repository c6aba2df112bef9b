import type { Bar } from "./bars";
import { nearest } from "./linePrices";

const REACH_PX = 28;

/**
 * The open, high, low or close of `bar` that is nearest to the height `y`; null when none is near.
 *
 * @param heightOf where a price is on the screen.
 */
export function snapped(bar: Bar, y: number, heightOf: (price: number) => number | null): number | null {
  return nearest([bar.o, bar.h, bar.l, bar.c].map((price) => ({ y: heightOf(price), of: price })), y, REACH_PX);
}
