import { decimalsOf } from "@/shared/format/numbers";

import type { MovableLine } from "./MarkLayer";

/** A price that the user would have a line changed to. */
export interface LineMove {
  id: string;
  field: MovableLine["field"];
  /** A decimal string on the instrument's tick. */
  price: string;
}

/** `value` on the nearest tick, as the API takes it; null when that is no price. Ticks that are not known count as paise. */
export function onTick(value: number, tickSize: string | undefined): string | null {
  const tick = Number(tickSize ?? "");
  const step = Number.isFinite(tick) && tick > 0 ? tick : 0.01;
  const price = Math.round(value / step) * step;
  return Number.isFinite(price) && price > 0 ? price.toFixed(decimalsOf(tickSize)) : null;
}

/** The line whose height is nearest to `y` and within `reach`; heights are those of `lines`, null off the screen. */
export function nearest<T>(lines: readonly { y: number | null; of: T }[], y: number, reach: number): T | null {
  let best: { far: number; of: T } | null = null;
  for (const line of lines) {
    if (line.y === null) continue;
    const far = Math.abs(line.y - y);
    if (far <= reach && far < (best?.far ?? Infinity)) best = { far, of: line.of };
  }
  return best?.of ?? null;
}

/** "buy 10", and which of a stop order's two prices; "alert". */
export function named(line: MovableLine): string {
  if (line.field === "value") return "alert";
  return `${line.side} ${line.quantity}${line.field === "trigger_price" ? " trigger" : ""}`;
}
