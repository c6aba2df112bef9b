import { useQuery, useQueryClient } from "@tanstack/react-query";
import { useEffect, useRef } from "react";

import { data } from "@/api/client";
import { readMarketStatus } from "@/api/generated";
import { isoDay } from "@/shared/format/time";

const EVERY_MS = 30_000;
/** What does not depend on the day, or is what tells it. */
const TIMELESS: ReadonlySet<unknown> = new Set(["market-status", "simulator"]);

/** The exchange's clock and sessions, and when this browser heard of them. */
export function useMarketStatus() {
  return useQuery({
    queryKey: ["market-status"],
    queryFn: async () => ({ ...(await data(readMarketStatus())), readAt: Date.now() }),
    refetchInterval: EVERY_MS,
  });
}

/** Ask for everything anew when the exchange's Indian day has changed: bars, sparklines, expiries and quotas are of a day. */
export function useDayChange(): void {
  const cache = useQueryClient();
  const at = useMarketStatus().data?.exchange_time;
  const day = at === undefined ? null : isoDay(at);
  const known = useRef<string | null>(null);
  useEffect(() => {
    if (day === null) return;
    if (known.current !== null && known.current !== day) void cache.invalidateQueries({ predicate: ({ queryKey }) => !TIMELESS.has(queryKey[0]) });
    known.current = day;
  }, [cache, day]);
}
