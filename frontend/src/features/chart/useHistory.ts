import { useQuery } from "@tanstack/react-query";
import { type RefObject, useEffect } from "react";

import { data } from "@/api/client";
import { readCandles } from "@/api/generated";
import { onMessage, useChannels } from "@/realtime/stream";

import { barsOf } from "./bars";
import type { ChartHandle } from "./chartHandle";
import { INTERVALS } from "./layout";

const PAGE = 1500;
const STREAMED: ReadonlySet<string> = new Set(INTERVALS.filter((interval) => interval !== "1w" && interval !== "1M"));
/** How often the values of studies at the forming bar are asked for. */
const STUDIES_EVERY_MS = 2_000;
const NEWEST = 3;

/** Fill `chart` with bars: stored ones, older ones at the left when `olderRef` is called, live ones at the right. */
export function useHistory(chart: RefObject<ChartHandle | null>, olderRef: RefObject<() => void>, symbol: string, interval: string) {
  const history = useQuery({
    queryKey: ["candles", symbol, interval],
    queryFn: ({ signal }) => data(readCandles({ path: { symbol }, query: { interval, limit: PAGE, live: STREAMED.has(interval) }, signal })),
    staleTime: 0, gcTime: 0, refetchOnWindowFocus: false,
  });
  useChannels(STREAMED.has(interval) ? [`candle:${interval}:${symbol}`] : []);

  useEffect(() => {
    const handle = chart.current;
    if (!handle || !history.data) return undefined;
    handle.load(barsOf(history.data));
    const asking = new AbortController();
    let busy = false;
    let over = history.data.t.length === 0;
    olderRef.current = () => {
      const first = handle.bars[0];
      if (busy || over || !first) return;
      busy = true;
      const indicators = handle.studies.specs().join(",") || null;
      data(readCandles({ path: { symbol }, query: { interval, to: String(first.t), limit: PAGE, indicators }, signal: asking.signal }))
        .then((page) => {
          over = page.t.length === 0;
          handle.studies.merge(page);
          if (!over) handle.prepend(barsOf(page));
        })
        // Scrolling again asks again.
        .catch(() => undefined)
        .finally(() => (busy = false));
    };
    let askedAt = 0;
    const stop = onMessage("candle", (message) => {
      if (message.symbol !== symbol || message.interval !== interval) return;
      handle.patch(message);
      const specs = handle.studies.specs();
      if (specs.length === 0 || document.hidden || Date.now() - askedAt < STUDIES_EVERY_MS) return;
      askedAt = Date.now();
      data(readCandles({ path: { symbol }, query: { interval, limit: NEWEST, live: true, indicators: specs.join(",") }, signal: asking.signal }))
        .then((newest) => {
          handle.studies.merge(newest);
          handle.touch(NEWEST);
        })
        // The next bar asks again.
        .catch(() => undefined);
    });
    return () => {
      asking.abort();
      olderRef.current = () => undefined;
      stop();
    };
  }, [chart, olderRef, history.data, symbol, interval]);

  // After a gap the stored bars know more than the stream told.
  const { refetch } = history;
  useEffect(() => onMessage("gap", (gap) => void (gap.symbol === null || gap.symbol === symbol ? refetch() : undefined)), [symbol, refetch]);

  return history;
}
