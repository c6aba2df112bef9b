import { useQuery } from "@tanstack/react-query";
import { type RefObject, useEffect, useMemo, useState } from "react";

import { data } from "@/api/client";
import { readCandles, readCatalogue } from "@/api/generated";

import type { ChartHandle } from "./chartHandle";
import type { Catalogue, Study } from "./studies";

/** What the server can compute, by name; empty until it has said so. */
export function useCatalogue(): Catalogue {
  const query = useQuery({ queryKey: ["indicators"], queryFn: () => data(readCatalogue()), staleTime: Infinity });
  return useMemo(() => new Map((query.data?.items ?? []).map((view) => [view.name, view])), [query.data]);
}

/** Show `studies` on `chart`, asking the server for the values that it does not have. Returns what went wrong. */
export function useStudies(chart: RefObject<ChartHandle | null>, shown: { symbol: string; interval: string; bars: unknown }, studies: readonly Study[], catalogue: Catalogue): unknown {
  const { symbol, interval, bars } = shown;
  const [failed, setFailed] = useState<unknown>(null);
  useEffect(() => {
    const handle = chart.current;
    if (!handle) return undefined;
    const known = studies.flatMap((study) => {
      const view = catalogue.get(study.name);
      return view ? [{ study, view }] : [];
    });
    handle.studies.set(known, handle.bars);
    const missing = handle.studies.missing();
    const first = handle.bars[0];
    if (missing.length === 0 || !first) return undefined;
    const asking = new AbortController();
    const query = { interval, from: String(first.t), limit: handle.bars.length + 10, live: true, indicators: missing.join(",") };
    data(readCandles({ path: { symbol }, query, signal: asking.signal }))
      .then((page) => {
        setFailed(null);
        handle.studies.fill(page, missing);
        handle.studies.draw(handle.bars);
        handle.touch(1);
      })
      .catch((error: unknown) => {
        if (!asking.signal.aborted) setFailed(error);
      });
    return () => asking.abort();
  }, [chart, symbol, interval, bars, studies, catalogue]);
  return failed;
}
