import { price, rupees, UNKNOWN } from "@/shared/format/numbers";

/** A price of the API, which sends them as decimal strings. */
export function quoted(amount: string | null): string {
  return price(amount === null ? null : Number(amount));
}

/** An amount that was won or lost. */
export function Gain({ amount }: { amount: string | null }) {
  if (amount === null) return <>{UNKNOWN}</>;
  const sign = amount.startsWith("-") ? "down" : Number(amount) === 0 ? "" : "up";
  return <span className={sign}>{sign === "up" ? "▲ " : sign === "down" ? "▼ " : ""}{rupees(amount)}</span>;
}
