import { useQuery } from "@tanstack/react-query";
import { useMemo } from "react";

import { data } from "@/api/client";
import { listPositions, listTradingHoldings } from "@/api/generated";

import { useTradingAccount } from "./account";
import { useTrades } from "./useTrades";
import { useTradingEvents } from "./useTradingEvents";
import { useWorkingOrders } from "./useWorkingOrders";

/** The user's own fills, working orders, positions and holdings of one instrument, for its chart. Empty without a trading account. */
export function useOwnMarks(symbol: string) {
  useTradingEvents();
  const { account } = useTradingAccount();
  const id = account?.id ?? "";
  const trades = useTrades(id);
  const orders = useWorkingOrders(id, symbol);
  const positions = useQuery({ queryKey: ["positions", id], queryFn: () => data(listPositions({ path: { account_id: id } })), enabled: id !== "", staleTime: 60_000 });
  const holdings = useQuery({ queryKey: ["holdings", id], queryFn: () => data(listTradingHoldings({ path: { account_id: id } })), enabled: id !== "", staleTime: 60_000 });
  const fills = useMemo(
    () => (trades.data?.items ?? []).filter((trade) => trade.symbol === symbol)
      .map(({ at, side, quantity, price }) => ({ t: Math.floor(Date.parse(at) / 1000), side, quantity, price })),
    [trades.data, symbol],
  );
  const working = useMemo(
    () => (orders.data?.items ?? []).flatMap(({ id: order, side, quantity, price, trigger_price: trigger, state }) => {
      const lines = [{ field: "price" as const, at: price }, { field: "trigger_price" as const, at: state === "trigger_pending" ? trigger : null }];
      return lines.flatMap(({ field, at }) => (at === null ? [] : [{ id: order, side, quantity, field, price: at }]));
    }),
    [orders.data],
  );
  const held = useMemo(() => {
    const all = [
      ...(positions.data?.items ?? []).map((each) => ({ symbol: each.symbol, quantity: each.quantity, average: each.average_price })),
      ...(holdings.data?.items ?? []).map((each) => ({ symbol: each.symbol, quantity: each.quantity, average: each.average_price })),
    ];
    return all.flatMap(({ symbol: of, quantity, average }) => (of === symbol && average !== null && Number(quantity) !== 0 ? [{ quantity, average }] : []));
  }, [positions.data, holdings.data, symbol]);
  return { fills, orders: working, positions: held };
}
