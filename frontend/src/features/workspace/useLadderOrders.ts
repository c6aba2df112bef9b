import { useMutation, useQueryClient } from "@tanstack/react-query";
import { useRef } from "react";

import { data } from "@/api/client";
import { cancelOrder, type NewOrder, type OrderView, placeOrder } from "@/api/generated";
import { useOnce } from "@/shared/once";

/** Orders by a click: one at a time, each under its own key, as in the ticket. */
export function useLadderOrders(done: (order: OrderView) => void) {
  const cache = useQueryClient();
  const refresh = (): unknown => cache.invalidateQueries({ queryKey: ["orders"] });
  // Two clicks may come before React has drawn that the first one is on its way.
  const busy = useRef(false);
  const placing = useOnce((body: NewOrder, key) => data(placeOrder({ body, headers: { "Idempotency-Key": key } })), {
    done,
    settled: () => {
      busy.current = false;
      return refresh();
    },
  });
  const cancelling = useMutation({
    mutationFn: (ids: readonly string[]) => Promise.all(ids.map((id) => data(cancelOrder({ path: { order_id: id } })))),
    onSettled: refresh,
  });
  return {
    placing,
    cancelling,
    /** Whether it was sent; not while an order is on its way. */
    place: (order: NewOrder): boolean => {
      if (busy.current) return false;
      busy.current = true;
      placing.ask(order);
      return true;
    },
  };
}
