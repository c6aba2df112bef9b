import { duration } from "@/shared/format/time";
import { percent, signed } from "@/shared/format/numbers";

import type { Bar } from "./bars";
import type { Ruler } from "./drawings";
import { placeAt } from "./places";

/** What lies between two points of a chart. */
export interface Figures {
  change: number;
  /** Null where the first price is zero. */
  percent: number | null;
  /** Negative when the second point is the earlier one. */
  bars: number;
  seconds: number;
}

export function measured({ from, to }: Ruler, bars: readonly Bar[]): Figures {
  const change = to.price - from.price;
  return {
    change,
    percent: from.price === 0 ? null : (change / Math.abs(from.price)) * 100,
    bars: (placeAt(bars, to.t) ?? 0) - (placeAt(bars, from.t) ?? 0),
    seconds: to.t - from.t,
  };
}

const DAY = 86_400;

/** "+12.50 (+0.85%)" and "14 bars, 3h 30m". */
export function figureWords({ change, percent: share, bars, seconds }: Figures, decimals: number): [string, string] {
  const span = Math.abs(seconds);
  const days = Math.floor(span / DAY);
  const rest = span % DAY;
  const time = [...(days > 0 ? [`${days}d`] : []), ...(rest > 0 || days === 0 ? [duration(rest)] : [])].join(" ");
  return [`${signed(change, decimals)} (${percent(share)})`, `${bars} ${Math.abs(bars) === 1 ? "bar" : "bars"}, ${seconds < 0 ? "-" : ""}${time}`];
}
