import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { Link } from "react-router";

import { data } from "@/api/client";
import { cancelOrder, listOrders } from "@/api/generated";
import { Empty, Failure, Loading } from "@/shared/ui/states";

import { quoted } from "./figures";
import { WORKING } from "./useWorkingOrders";

/** The orders of an account that wait at the exchange, each with its way out. */
export function WorkingOrders({ account }: { account: string }) {
  const cache = useQueryClient();
  const list = useQuery({ queryKey: ["orders", account, "working"], queryFn: () => data(listOrders({ query: { account_id: account, state: [...WORKING], limit: 100 } })) });
  const cancel = useMutation({
    mutationFn: (id: string) => data(cancelOrder({ path: { order_id: id } })),
    onSettled: () => cache.invalidateQueries({ queryKey: ["orders"] }),
  });
  const orders = list.data?.items ?? [];
  return (
    <>
      {list.isError && <Failure error={list.error} retry={() => void list.refetch()} />}
      {cancel.isError && <Failure error={cancel.error} />}
      {list.isPending && <Loading />}
      {list.isSuccess && orders.length === 0 && <Empty action={<Link className="button" to="/orders">All orders</Link>}>No order waits at the exchange.</Empty>}
      {orders.length > 0 && (
        <div className="scroll-x orders" tabIndex={0} role="group" aria-label="Orders that wait">
          <table>
            <thead><tr><th scope="col">Instrument</th><th scope="col">Side</th><th scope="col" className="num">Quantity</th><th scope="col" className="num">Filled</th><th scope="col" className="num">Price</th><th scope="col" className="num">Trigger</th><th scope="col">State</th><th scope="col"><span className="sr">Actions</span></th></tr></thead>
            <tbody>
              {orders.map((order) => (
                <tr key={order.id}>
                  <td><Link to={`/chart/${encodeURIComponent(order.symbol)}`}>{order.symbol}</Link></td>
                  <td className={order.side === "buy" ? "up" : "down"}>{order.side === "buy" ? "▲ buy" : "▼ sell"}</td>
                  <td className="num">{order.quantity}</td><td className="num">{order.filled_quantity}</td><td className="num">{quoted(order.price)}</td><td className="num">{quoted(order.trigger_price)}</td>
                  <td>{order.state.replaceAll("_", " ")}</td>
                  <td><button type="button" className="button" disabled={cancel.isPending} onClick={() => cancel.mutate(order.id)}>Cancel</button></td>
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      )}
    </>
  );
}
