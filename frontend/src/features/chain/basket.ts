import type { GroupOrder, LegView, NewOrder, OptionChainView } from "@/api/generated";

import type { Leg } from "./payoff";

/** A line of the basket as the user edits it. */
export interface Entry {
  symbol: string;
  type: Leg["type"];
  strike: number;
  lotSize: number;
  /** Negative when sold; never 0. */
  lots: number;
  /** The limit, as typed. */
  price: string;
  /** As the chain told it last. */
  view: LegView;
}

/** The most orders that one group may have. */
export const MOST_LEGS = 20;
const AMOUNT = /^\d+(\.\d+)?$/;

/** What the other side asks now, or failing that the last price. */
function offered(view: LegView, buying: boolean): string {
  const price = (buying ? view.ask : view.bid) || view.ltp;
  return price === null || price <= 0 ? "" : price.toFixed(2);
}

/** `basket` with one lot more bought (`by` 1) or sold (-1); a lot the other way closes one, and none leaves no line. */
export function added(basket: readonly Entry[], leg: Pick<Entry, "type" | "strike" | "view">, by: 1 | -1): Entry[] {
  const { symbol, lot_size: lotSize } = leg.view;
  const before = basket.find((entry) => entry.symbol === symbol);
  if (!before) return basket.length >= MOST_LEGS ? [...basket] : [...basket, { ...leg, symbol, lotSize, lots: by, price: offered(leg.view, by > 0) }];
  return changed(basket, symbol, { lots: before.lots + by });
}

export function changed(basket: readonly Entry[], symbol: string, change: Partial<Pick<Entry, "lots" | "price">>): Entry[] {
  return basket.flatMap((entry) => {
    if (entry.symbol !== symbol) return [entry];
    const next = { ...entry, ...change };
    return next.lots === 0 || !Number.isInteger(next.lots) ? [] : [next];
  });
}

/** `basket` with what `chain` says of its legs now; those that it does not show keep what was known. */
export function refreshed(basket: readonly Entry[], chain: OptionChainView): Entry[] {
  const views = new Map(chain.strikes.flatMap(({ call, put }) => [call, put].flatMap((leg) => (leg ? [[leg.symbol, leg] as const] : []))));
  return basket.map((entry) => ({ ...entry, view: views.get(entry.symbol) ?? entry.view }));
}

export const isWhole = (entry: Entry): boolean => AMOUNT.test(entry.price) && Number(entry.price) > 0;

export function legOf({ type, strike, lots, lotSize, price, view }: Entry): Leg {
  return { type, strike, quantity: lots * lotSize, price: Number(price), iv: view.iv };
}

/** The limit order of one line. */
export function orderOf({ symbol, lots, lotSize, price }: Entry): Pick<NewOrder, keyof NewOrder & keyof GroupOrder> {
  return { symbol, side: lots > 0 ? "buy" : "sell", quantity: String(Math.abs(lots) * lotSize), order_type: "limit", price, product: "nrml" };
}

/** The Greeks of the whole basket, in rupees and units; null when one of a leg is not known. */
export function greeksOf(basket: readonly Entry[]): Record<"delta" | "gamma" | "theta" | "vega", number | null> {
  const sum = (name: "delta" | "gamma" | "theta" | "vega"): number | null =>
    basket.reduce<number | null>((all, { lots, lotSize, view }) => (all === null || view[name] === null ? null : all + lots * lotSize * view[name]), 0);
  return { delta: sum("delta"), gamma: sum("gamma"), theta: sum("theta"), vega: sum("vega") };
}
