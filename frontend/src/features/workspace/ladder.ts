import type { OrderView } from "@/api/generated";
import type { Level } from "@/realtime/protocol";
import { decimalsOf } from "@/shared/format/numbers";

/** A rung is a price as a whole number of ticks: equal rungs are equal prices, which floats do not promise. */
export interface Grid {
  /** The tick in ten-thousandths. */
  tick: number;
  decimals: number;
}

const UNITS = 10_000;
const UNIT_DIGITS = 4;
/** How near to an end of the ladder the last price may come before it is brought back to the middle. */
const MARGIN = 2;

/** @param tickSize as the API has it, such as "0.05". */
export function gridOf(tickSize: string): Grid {
  return { tick: Math.max(1, Math.round(Number(tickSize) * UNITS)), decimals: decimalsOf(tickSize) };
}

/** The rung nearest to `price`. */
export function rungOf(grid: Grid, price: number): number {
  return Math.round((price * UNITS) / grid.tick);
}

/** The price of `rung` as the API wants it: "1450.05". */
export function priceOf(grid: Grid, rung: number): string {
  const digits = String(rung * grid.tick).padStart(UNIT_DIGITS + 1, "0");
  return `${digits.slice(0, -UNIT_DIGITS)}.${digits.slice(-UNIT_DIGITS).slice(0, grid.decimals)}`;
}

/** The quantity that waits at each rung. */
export function book(grid: Grid, levels: readonly Level[]): Map<number, number> {
  const found = new Map<number, number>();
  for (const [price, quantity] of levels) {
    const rung = rungOf(grid, price);
    found.set(rung, (found.get(rung) ?? 0) + quantity);
  }
  return found;
}

/** The top of `count` rungs, none of them at or below nothing. */
const possible = (top: number, count: number): number => Math.max(count, top);

/** The top rung of a ladder of `count` with `rung` in the middle. */
export function centred(rung: number, count: number): number {
  return possible(rung + (count >> 1), count);
}

export function shifted(top: number, count: number, by: number): number {
  return possible(top + by, count);
}

/** Whether `rung` is one of the `count` from `top` down, and no nearer than `margin` to either end. */
export function isInSight(top: number, count: number, rung: number, margin = 0): boolean {
  return rung <= top - margin && rung > top - count + margin;
}

/**
 * The top rung for the next picture. It moves only when the last price is about to leave, and never while it is `held`:
 * under a pointer or the focus, or armed, where what is clicked must be what was aimed at.
 */
export function topAfter(top: number | null, count: number, last: number | null, held: boolean): number | null {
  if (last === null) return top;
  if (top === null) return centred(last, count);
  return held || isInSight(top, count, last, MARGIN) ? top : centred(last, count);
}

export type Side = OrderView["side"];

/** What the user's own orders still want at one rung. */
export interface Own {
  ids: string[];
  open: number;
}

/** The user's own limit orders that wait in the book, by side and rung. */
export function ownAt(grid: Grid, orders: readonly OrderView[]): Record<Side, Map<number, Own>> {
  const found = { buy: new Map<number, Own>(), sell: new Map<number, Own>() };
  for (const { id, side, state, price, quantity, filled_quantity: filled } of orders) {
    // One that waits for its trigger is not in the book yet.
    if (price === null || state === "trigger_pending") continue;
    const rung = rungOf(grid, Number(price));
    const at = found[side].get(rung) ?? { ids: [], open: 0 };
    found[side].set(rung, { ids: [...at.ids, id], open: at.open + Number(quantity) - Number(filled) });
  }
  return found;
}
