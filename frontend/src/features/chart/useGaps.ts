import { keepPreviousData, useQuery } from "@tanstack/react-query";
import { type RefObject, useEffect } from "react";

import { data } from "@/api/client";
import { type CandlesView, readCoverage } from "@/api/generated";
import { isoDay } from "@/shared/format/time";

import type { ChartHandle } from "./chartHandle";
import { hasGaps } from "./gaps";
import { historyPlan } from "./historyPlan";

/**
 * Marks the sessions between the bars of `chart` that are not stored. Without an answer nothing is marked: this is a hint.
 *
 * @param oldest when the oldest bar of the chart begins, epoch seconds; null while there are none.
 */
export function useGaps(chart: RefObject<ChartHandle | null>, { symbol, interval, bars }: { symbol: string; interval: string; bars: CandlesView | undefined }, oldest: number | null): void {
  const { base } = historyPlan(interval);
  // By months: going back asks for the coverage now and then, not with each page of bars.
  const from = oldest === null ? "" : `${isoDay(oldest * 1000).slice(0, 7)}-01`;
  const { data: coverage } = useQuery({
    queryKey: ["coverage", symbol, base, from],
    queryFn: ({ signal }) => data(readCoverage({ path: { symbol }, query: { interval: base, from }, signal })),
    enabled: oldest !== null && hasGaps(interval),
    placeholderData: keepPreviousData, staleTime: 60_000, refetchOnWindowFocus: false, retry: false,
  });
  useEffect(() => {
    const fits = coverage?.symbol === symbol && coverage.interval === base && hasGaps(interval);
    chart.current?.gaps.set(fits ? coverage.days : [], chart.current.bars);
  }, [chart, coverage, symbol, base, interval, bars]);
}
