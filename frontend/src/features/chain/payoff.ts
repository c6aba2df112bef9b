/** One kind of option held in some quantity, for some price. */
export interface Leg {
  type: "call" | "put";
  strike: number;
  /** Units, negative when sold. */
  quantity: number;
  /** Rupees a unit that were paid, or got. */
  price: number;
  /** Implied volatility, a fraction a year; null when it is not known. */
  iv: number | null;
}

/** What the value of a basket before its expiry depends on, besides the price. */
export interface Conditions {
  years: number;
  /** Risk-free, a fraction a year. */
  rate: number;
  /** Forward for each rupee of the underlying. */
  carry: number;
}

/** Standard normal distribution (Abramowitz and Stegun 7.1.26, to seven digits). */
function normal(x: number): number {
  const t = 1 / (1 + (0.3275911 * Math.abs(x)) / Math.SQRT2);
  const tail = 0.5 * t * (0.254829592 + t * (-0.284496736 + t * (1.421413741 + t * (-1.453152027 + t * 1.061405429)))) * Math.exp((-x * x) / 2);
  return x < 0 ? tail : 1 - tail;
}

export const intrinsic = (type: Leg["type"], strike: number, at: number): number => Math.max(0, type === "call" ? at - strike : strike - at);

/** Black-76 premium on a forward; the server computes volatilities and Greeks by the same model. */
export function premium(type: Leg["type"], forward: number, strike: number, years: number, vol: number, rate: number): number {
  const time = Math.max(0, years);
  const spread = vol * Math.sqrt(time);
  const discount = Math.exp(-rate * time);
  if (spread <= 0) return discount * intrinsic(type, strike, forward);
  const d1 = Math.log(forward / strike) / spread + spread / 2;
  const sign = type === "call" ? 1 : -1;
  return discount * sign * (forward * normal(sign * d1) - strike * normal(sign * (d1 - spread)));
}

/** Rupees won (or lost) when the underlying settles at `at`, before charges. */
export function atExpiry(legs: readonly Leg[], at: number): number {
  return legs.reduce((sum, leg) => sum + leg.quantity * (intrinsic(leg.type, leg.strike, at) - leg.price), 0);
}

/** Rupees won (or lost) if the underlying stood at `at` now; null when the volatility of a leg is not known. */
export function now(legs: readonly Leg[], at: number, { years, rate, carry }: Conditions): number | null {
  let sum = 0;
  for (const { type, strike, quantity, price, iv } of legs) {
    if (iv === null) return null;
    sum += quantity * (premium(type, at * carry, strike, years, iv, rate) - price);
  }
  return sum;
}

/** Prices at which the payoff at expiry may bend, ascending, from nothing on. */
function bends(legs: readonly Leg[]): number[] {
  return [...new Set([0, ...legs.map(({ strike }) => strike)])].sort((a, b) => a - b);
}

/** Rupees for each rupee that the underlying rises above the last strike. */
const slopeAbove = (legs: readonly Leg[]): number => legs.reduce((sum, { type, quantity }) => sum + (type === "call" ? quantity : 0), 0);

/** The best and the worst at expiry; null where it has no bound. */
export function extremes(legs: readonly Leg[]): { profit: number | null; loss: number | null } {
  const values = bends(legs).map((at) => atExpiry(legs, at));
  const slope = slopeAbove(legs);
  return { profit: slope > 0 ? null : Math.max(...values), loss: slope < 0 ? null : Math.min(...values) };
}

/** Half a paisa: nearer to nothing than any amount is. */
const NOTHING = 0.005;

/** Prices at which the basket neither wins nor loses at expiry, ascending. */
export function breakevens(legs: readonly Leg[]): number[] {
  const knots = bends(legs);
  const found = new Set<number>();
  knots.forEach((at, i) => {
    const here = atExpiry(legs, at);
    const next = knots[i + 1];
    if (Math.abs(here) < NOTHING && at > 0) found.add(at);
    const slope = next === undefined ? slopeAbove(legs) : (atExpiry(legs, next) - here) / (next - at);
    const crossing = slope === 0 ? NaN : at - here / slope;
    if (crossing > at && (next === undefined || crossing < next) && Math.abs(here) >= NOTHING) found.add(Math.round(crossing * 100) / 100);
  });
  return [...found].sort((a, b) => a - b);
}

/** The prices to draw: every strike, and as far as the underlying may well go until expiry. */
export function span(legs: readonly Leg[], spot: number, years: number): { from: number; to: number } {
  const vols = legs.map(({ iv }) => iv ?? 0.15);
  const far = spot * Math.max(0.02, 2 * Math.max(0, ...vols) * Math.sqrt(Math.max(0, years)));
  const strikes = legs.map(({ strike }) => strike);
  return { from: Math.max(0, Math.min(spot - far, ...strikes.map((strike) => strike - far / 3))), to: Math.max(spot + far, ...strikes.map((strike) => strike + far / 3)) };
}
