import { price } from "@/shared/format/numbers";

import type { HeldPosition, SetAlert, WorkingOrder } from "./MarkLayer";
import { named, type LineMove } from "./linePrices";

/** A horizontal line at a price that means something to the user. */
export interface PriceLine {
  price: number;
  title: string;
  look: "buy" | "sell" | "position" | "alert";
}

/** The lines of one's own working orders, positions and alerts. What has no price has no line; what `proposal` names is where that wants it. */
export function linesOf(orders: readonly WorkingOrder[], positions: readonly HeldPosition[], alerts: readonly SetAlert[], proposal: LineMove | null = null): PriceLine[] {
  const lines: PriceLine[] = orders.map((order) => {
    const moved = proposal?.id === order.id && proposal.field === order.field;
    return { price: Number(moved ? proposal.price : order.price), title: `${named(order)}${moved ? "?" : ""}`, look: order.side };
  });
  for (const position of positions) {
    const long = Number(position.quantity) > 0;
    lines.push({ price: Number(position.average), title: `${long ? "long" : "short"} ${position.quantity.replace("-", "")}`, look: "position" });
  }
  for (const alert of alerts) {
    const moved = proposal?.id === alert.id && proposal.field === "value";
    const at = Number(moved ? proposal.price : alert.price);
    lines.push({ price: at, title: `alert ${price(at)}${moved ? "?" : ""}`, look: "alert" });
  }
  return lines.filter((line) => Number.isFinite(line.price) && line.price > 0);
}
