import { useQuery } from "@tanstack/react-query";
import { type RefObject, useEffect } from "react";

import { data } from "@/api/client";
import { readCandles } from "@/api/generated";
import { onMessage, useChannels } from "@/realtime/stream";

import type { ChartHandle } from "./chartHandle";

/** The closes of `other` beside the candles on `chart`. Null: nothing is compared. */
export function useCompare(chart: RefObject<ChartHandle | null>, shown: { interval: string; bars: unknown }, other: string | null) {
  const { interval, bars } = shown;
  const query = useQuery({
    queryKey: ["candles", other, interval, "compared"],
    queryFn: ({ signal }) => data(readCandles({ path: { symbol: other ?? "" }, query: { interval, limit: 5_000, live: true }, signal })),
    enabled: other !== null, refetchOnWindowFocus: false, staleTime: 60_000,
  });
  useChannels(other === null ? [] : [`candle:${interval}:${other}`]);
  useEffect(() => {
    const handle = chart.current;
    if (!handle) return undefined;
    const found = query.data;
    handle.compare.set(other !== null && found ? new Map(found.t.map((t, i) => [t, found.c[i] ?? NaN])) : null, handle.bars);
    if (other === null) return undefined;
    return onMessage("candle", (message) => {
      if (message.symbol !== other || message.interval !== interval) return;
      handle.compare.merge(new Map([[message.t, message.c]]));
      handle.touch(1);
    });
  }, [chart, query.data, other, interval, bars]);
  return query;
}
