import { useQuery } from "@tanstack/react-query";

import { data } from "@/api/client";
import { listTrades } from "@/api/generated";

const PAGE = 500;

/** The newest fills of an account; not asked for while it is "". */
export function useTrades(account: string) {
  return useQuery({
    queryKey: ["trades", account], queryFn: () => data(listTrades({ path: { account_id: account }, query: { limit: PAGE } })),
    enabled: account !== "", staleTime: 60_000,
  });
}
