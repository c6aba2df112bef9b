import { useInfiniteQuery, useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { Link } from "react-router";

import { data } from "@/api/client";
import { cancelOrder, listOrderEvents, listOrders, type OrderView } from "@/api/generated";
import { rupees } from "@/shared/format/numbers";
import { moment } from "@/shared/format/time";
import { Empty, Failure, Loading } from "@/shared/ui/states";

import { useTradingAccount } from "./account";
import { AccountKind } from "./AccountKind";
import "./trading.css";
import { useTradingEvents } from "./useTradingEvents";

const WORKING = new Set(["new", "submitting", "unknown", "trigger_pending", "open", "partially_filled"]);
const LOOKS: Record<string, string> = { filled: "good", rejected: "bad", open: "wait", partially_filled: "wait", trigger_pending: "wait", unknown: "bad" };

/** Every order of the account, newest first; each tells why it did or did not fill. */
export default function OrdersPage() {
  const cache = useQueryClient();
  const { account, list } = useTradingAccount();
  const [open, setOpen] = useState<string | null>(null);
  useTradingEvents();
  const orders = useInfiniteQuery({
    queryKey: ["orders", account?.id],
    queryFn: ({ pageParam }) => data(listOrders({ query: { account_id: account?.id ?? null, cursor: pageParam, limit: 50 } })),
    initialPageParam: null as string | null,
    getNextPageParam: (page) => page.next,
    enabled: account !== null,
  });
  const cancel = useMutation({
    mutationFn: (id: string) => data(cancelOrder({ path: { order_id: id } })),
    onSettled: () => cache.invalidateQueries({ queryKey: ["orders"] }),
  });
  const rows = orders.data?.pages.flatMap((page) => page.items) ?? [];
  const failed = list.error ?? orders.error ?? cancel.error;
  return (
    <div className="page">
      <div className="row"><h1 className="grow">Orders{account && <span className="muted"> of {account.name}</span>}</h1>{account && <AccountKind account={account} />}</div>
      {failed && <Failure error={failed} retry={() => void orders.refetch()} />}
      {(list.isPending || (account !== null && orders.isPending)) && <Loading />}
      {list.isSuccess && !account && <Empty action={<Link className="button primary" to="/portfolio">Open a paper account</Link>}>You have no trading account yet.</Empty>}
      {orders.isSuccess && rows.length === 0 && <Empty action={<Link className="button" to="/">To the workspace</Link>}>No order yet. Choose an instrument and use the ticket beside its depth.</Empty>}
      {rows.length > 0 && (
        <div className="scroll-x" tabIndex={0} role="group" aria-label="Orders">
          <table className="orders">
            <thead><tr><th scope="col">When</th><th scope="col">Instrument</th><th scope="col">Side</th><th scope="col">Order</th><th scope="col" className="num">Filled</th><th scope="col" className="num">Average</th><th scope="col">State</th><th scope="col"><span className="sr">Actions</span></th></tr></thead>
            <tbody>
              {rows.map((order) => (
                <Order key={order.id} order={order} open={open === order.id} toggle={() => setOpen(open === order.id ? null : order.id)} cancel={() => cancel.mutate(order.id)} busy={cancel.isPending} />
              ))}
            </tbody>
          </table>
        </div>
      )}
      {orders.hasNextPage && <div><button type="button" className="button" onClick={() => void orders.fetchNextPage()}>Show older</button></div>}
    </div>
  );
}

function said(order: OrderView): string {
  const at = order.price ? ` at ${order.price}` : "";
  const stop = order.trigger_price ? `, trigger ${order.trigger_price}` : "";
  return `${order.quantity} ${order.order_type.replace("_", "-").toUpperCase()}${at}${stop} ${order.product.toUpperCase()}${order.validity === "ioc" ? " IOC" : ""}`;
}

interface RowProps {
  order: OrderView;
  open: boolean;
  busy: boolean;
  toggle: () => void;
  cancel: () => void;
}

function Order({ order, open, busy, toggle, cancel }: RowProps) {
  return (
    <>
      <tr>
        <td>{moment(order.placed_at)}</td>
        <td><Link to={`/chart/${encodeURIComponent(order.symbol)}`}>{order.symbol}</Link></td>
        <td className={order.side === "buy" ? "up" : "down"}>{order.side === "buy" ? "▲ buy" : "▼ sell"}</td>
        <td>{said(order)}</td>
        <td className="num">{order.filled_quantity}</td>
        <td className="num">{order.average_price ?? "–"}</td>
        <td><span className={`tag ${LOOKS[order.state] ?? ""}`} title={order.text ?? undefined}>{order.state.replaceAll("_", " ")}</span></td>
        <td className="row">
          <button type="button" className="button" aria-expanded={open} onClick={toggle}>Why</button>
          {WORKING.has(order.state) && <button type="button" className="button" disabled={busy} onClick={cancel}>Cancel</button>}
        </td>
      </tr>
      {open && <tr><td colSpan={8}><Events id={order.id} blocked={order.blocked} /></td></tr>}
    </>
  );
}

function Events({ id, blocked }: { id: string; blocked: string }) {
  const events = useQuery({ queryKey: ["orders", "events", id], queryFn: () => data(listOrderEvents({ path: { order_id: id } })) });
  if (events.isPending) return <Loading lines={1} />;
  if (events.isError) return <Failure error={events.error} retry={() => void events.refetch()} />;
  return (
    <ol className="events">
      {events.data.items.map((event, i) => <li key={i}><span className="muted">{moment(event.at)}</span> {event.text}</li>)}
      {Number(blocked) > 0 && <li className="muted">{rupees(blocked)} are blocked for it.</li>}
    </ol>
  );
}
