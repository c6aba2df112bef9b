import type { BackfillView } from "@/api/generated";
import { isoDay } from "@/shared/format/time";

/** What to fetch so that a chart of some interval has something to show. */
export interface HistoryPlan {
  /** The stored bars that the interval is made from. */
  base: "1s" | "1m" | "1d";
  days: number;
  /** The span for people. */
  said: string;
}

const DAY = 86_400_000;
/** Fewer bars than this leave most of a chart empty. */
const THIN = 60;
const SECONDS: HistoryPlan = { base: "1s", days: 4, said: "4 days" };
const MONTH: HistoryPlan = { base: "1m", days: 30, said: "30 days" };
const QUARTER: HistoryPlan = { base: "1m", days: 90, said: "90 days" };
const HALF: HistoryPlan = { base: "1m", days: 180, said: "180 days" };
const YEAR: HistoryPlan = { base: "1m", days: 365, said: "a year" };
const PLANS: Record<string, HistoryPlan> = {
  "1s": SECONDS, "5s": SECONDS, "1m": MONTH, "3m": MONTH, "5m": QUARTER, "10m": QUARTER, "15m": QUARTER, "30m": HALF, "1h": HALF, "2h": YEAR, "4h": YEAR,
  "1d": { base: "1d", days: 1_095, said: "3 years" }, "1w": { base: "1d", days: 3_650, said: "10 years" }, "1M": { base: "1d", days: 3_650, said: "10 years" },
};

/** A few hundred bars of `interval` for a handful of the broker's calls. */
export function historyPlan(interval: string): HistoryPlan {
  return PLANS[interval] ?? QUARTER;
}

export const isThin = (bars: number): boolean => bars < THIN;

/** The days of `plan` that end with the exchange's own day of `now`; `to` is exclusive, as the API has it. */
export function rangeOf(plan: HistoryPlan, now: string): { from: string; to: string } {
  const today = Date.parse(isoDay(now));
  const named = (ms: number): string => new Date(ms).toISOString().slice(0, 10);
  return { from: named(today - plan.days * DAY), to: named(today + DAY) };
}

/** The newest of `jobs` (newest first) that fetches at least what `plan` wants of `symbol`. */
export function jobFor(jobs: readonly BackfillView[], symbol: string, plan: HistoryPlan): BackfillView | null {
  return jobs.find((job) => job.interval === plan.base && job.symbols.includes(symbol) && Date.parse(job.to) - Date.parse(job.from) >= plan.days * DAY) ?? null;
}
