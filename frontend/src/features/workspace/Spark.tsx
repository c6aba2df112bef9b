import { useQuery } from "@tanstack/react-query";

import { data } from "@/api/client";
import { readCandles } from "@/api/generated";

import { sparkline } from "./sparkline";

const EVERY_MS = 60_000;
/** A session of 375 minutes in bars of five. */
const BARS = 75;
const SIZE = { width: 56, height: 20 };

/** The last trading day's course of one instrument, small. Says nothing that the row does not say in numbers. */
export function Spark({ symbol }: { symbol: string }) {
  const day = useQuery({
    queryKey: ["spark", symbol],
    queryFn: ({ signal }) => data(readCandles({ path: { symbol }, query: { interval: "5m", limit: BARS, live: true }, signal })),
    refetchInterval: EVERY_MS, staleTime: EVERY_MS, refetchOnWindowFocus: false, retry: false,
  });
  const line = day.data ? sparkline(day.data.t, day.data.c, SIZE) : null;
  return (
    <svg className="spark" viewBox={`0 0 ${SIZE.width} ${SIZE.height}`} data-sign={line?.sign} aria-hidden>
      {line && <polyline points={line.points} />}
    </svg>
  );
}
