import type { CandlesView, HistoryView } from "@/api/generated";
import { sumOf } from "@/shared/format/money";

/** What the curve can be asked for: name on the button, period and timeframe of the API. */
export const PERIODS = [
  { name: "1D", period: "1D", timeframe: "5m" }, { name: "1W", period: "1W", timeframe: "1h" }, { name: "1M", period: "1M", timeframe: "1h" },
  { name: "3M", period: "3M", timeframe: "1d" }, { name: "1Y", period: "1A", timeframe: "1d" }, { name: "All", period: "all", timeframe: "1d" },
] as const;
export type Period = (typeof PERIODS)[number];

const DAY_SECONDS = 86_400;
/** Indian time is that far ahead of UTC. */
export const IST_SECONDS = 19_800;
/** When a share's day has its closing price: 15:30. */
const CLOSE_SECONDS = 15.5 * 3600;

/** Money that was paid in (or out, below nothing) between two points of the curve. */
export interface Move {
  /** Which point is the first to have it. */
  at: number;
  time: number;
  amount: string;
}

const negative = (amount: string): string => (amount.startsWith("-") ? amount.slice(1) : `-${amount}`);
const less = (amount: string, by: string): string | null => sumOf([amount, negative(by)]);

/** Deposits and withdrawals, out of what has been paid in at each point: the equity less the profit. */
export function movesOf({ timestamp, equity, profit_loss: profit }: HistoryView): Move[] {
  const paid = equity.map((value, i) => less(value, profit[i] ?? ""));
  return timestamp.flatMap((time, at) => {
    const [before, now] = [paid[at - 1], paid[at]];
    const amount = before && now ? less(now, before) : null;
    return amount !== null && Number(amount) !== 0 ? [{ at, time, amount }] : [];
  });
}

/** How far below its highest mark the account stood at each point, in percent; what was paid in or out is neither gain nor loss. */
export function drawDown(history: HistoryView): number[] {
  const moved = new Map(movesOf(history).map(({ at, amount }) => [at, Number(amount)]));
  let mark = 1;
  let highest = 1;
  return history.equity.map((value, at) => {
    const before = Number(history.equity[at - 1]);
    if (at > 0 && before > 0) mark *= (Number(value) - (moved.get(at) ?? 0)) / before;
    highest = Math.max(highest, mark);
    return (mark / highest - 1) * 100;
  });
}

/**
 * What the first equity would have become in an index, by its daily closes, at each point of the curve: a close counts
 * from 15:30 of its day on. Null when no close is as old as the first point, or none came after it.
 */
export function benchmarkOf({ timestamp, equity }: HistoryView, closes: Pick<CandlesView, "t" | "c"> | undefined): number[] | null {
  const known = (closes?.t ?? []).map((start, i) => ({ from: Math.floor((start + IST_SECONDS) / DAY_SECONDS) * DAY_SECONDS - IST_SECONDS + CLOSE_SECONDS, close: closes?.c[i] ?? NaN }));
  let next = 0;
  let close = NaN;
  const at = timestamp.map((time) => {
    for (let each = known[next]; each && each.from <= time; each = known[next]) {
      close = each.close;
      next += 1;
    }
    return close;
  });
  const base = at[0] ?? NaN;
  if (!Number.isFinite(base) || base <= 0) return null;
  return at.map((value) => (Number(equity[0]) * value) / base);
}
