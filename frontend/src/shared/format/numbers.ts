/** Shown for what is not known. Zero is a number; this is not. */
export const UNKNOWN = "–";

const cache = new Map<string, Intl.NumberFormat>();

function formatter(decimals: number, signed: boolean): Intl.NumberFormat {
  const key = `${decimals}${signed}`;
  let made = cache.get(key);
  if (!made) {
    made = new Intl.NumberFormat("en-IN", {
      minimumFractionDigits: decimals,
      maximumFractionDigits: decimals,
      signDisplay: signed ? "exceptZero" : "negative",
    });
    cache.set(key, made);
  }
  return made;
}

function known(value: number | null | undefined): value is number {
  return value !== null && value !== undefined && Number.isFinite(value);
}

/** 12,34,567.50 */
export function price(value: number | null | undefined, decimals = 2): string {
  return known(value) ? formatter(decimals, false).format(value) : UNKNOWN;
}

/** +1.25 or -1.25 */
export function signed(value: number | null | undefined, decimals = 2): string {
  return known(value) ? formatter(decimals, true).format(value) : UNKNOWN;
}

export function percent(value: number | null | undefined): string {
  return known(value) ? `${formatter(2, true).format(value)}%` : UNKNOWN;
}

export function integer(value: number | null | undefined): string {
  return known(value) ? formatter(0, false).format(value) : UNKNOWN;
}

const STEPS: [number, string][] = [[1e7, "Cr"], [1e5, "L"], [1e3, "K"]];

/** 1.23L, 1.23Cr, 45.6K. Our own, since the platforms' locale data differ. */
export function compact(value: number | null | undefined): string {
  if (!known(value)) return UNKNOWN;
  const size = Math.abs(value);
  for (const [step, unit] of STEPS) {
    if (size < step) continue;
    const scaled = value / step;
    return `${scaled.toFixed(Math.abs(scaled) >= 100 ? 0 : Math.abs(scaled) >= 10 ? 1 : 2)}${unit}`;
  }
  return formatter(0, false).format(value);
}

/** Rupees of a decimal string as the API sends money; the digits are never turned into a float. */
export function rupees(amount: string): string {
  const match = /^(-?)(\d+)(?:\.(\d+))?$/.exec(amount);
  if (!match) return UNKNOWN;
  const [, sign = "", whole = "0", fraction = ""] = match;
  const grouped = whole.replace(/(\d)(?=(\d\d)+\d$)/g, "$1,");
  return `${sign}₹${grouped}.${fraction.padEnd(2, "0").slice(0, Math.max(2, fraction.length))}`;
}

/** Decimals that prices on this tick size need: "0.05" two, "0.0025" four. At least two. */
export function decimalsOf(tickSize: string | undefined): number {
  const fraction = tickSize?.split(".")[1]?.replace(/0+$/, "") ?? "";
  return Math.max(2, fraction.length);
}
