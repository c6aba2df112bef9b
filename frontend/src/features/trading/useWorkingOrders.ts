import { useQuery } from "@tanstack/react-query";

import { data } from "@/api/client";
import { listOrders } from "@/api/generated";

/** The states of an order that may still fill. */
export const WORKING = ["new", "open", "partially_filled", "trigger_pending"] as const;

/** The orders of an account for one instrument that wait at the exchange; not asked for while the account is "". */
export function useWorkingOrders(account: string, symbol: string) {
  return useQuery({
    queryKey: ["orders", account, symbol, "working"],
    queryFn: () => data(listOrders({ query: { account_id: account, symbol, state: [...WORKING], limit: 100 } })),
    enabled: account !== "", staleTime: 60_000,
  });
}
