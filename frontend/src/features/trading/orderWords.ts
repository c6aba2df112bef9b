import type { NewOrder } from "@/api/generated";
import { rupees } from "@/shared/format/numbers";

export const TYPES: readonly [NewOrder["order_type"], string][] = [["market", "Market"], ["limit", "Limit"], ["sl", "Stop, limit"], ["sl_m", "Stop, market"]];
export const PRODUCTS: readonly [NewOrder["product"], string][] = [["cnc", "Delivery"], ["mis", "Intraday"], ["nrml", "Carry"]];

const nameIn = (names: readonly [string, string][], id: string | undefined): string => names.find(([each]) => each === id)?.[1] ?? id ?? "";

/**
 * An order in one line, to be read before it is sent: "BUY 10 NSE:RELIANCE, Limit ₹1,450.00, Delivery: about ₹14,500.00".
 *
 * @param blocked what it needs in all, rupees; null when that is not known.
 */
export function orderLine({ side, quantity, symbol, order_type, price, trigger_price, product }: NewOrder, blocked: string | null): string {
  const at = price ? ` ${rupees(price)}` : "";
  const trigger = trigger_price ? ` at ${rupees(trigger_price)}` : "";
  const worth = blocked === null ? "" : `: about ${rupees(blocked)}`;
  return `${side.toUpperCase()} ${quantity} ${symbol}, ${nameIn(TYPES, order_type)}${at}${trigger}, ${nameIn(PRODUCTS, product)}${worth}`;
}
