import { useQuery, useQueryClient } from "@tanstack/react-query";
import { Link } from "react-router";

import { data } from "@/api/client";
import { closePosition, listPositions } from "@/api/generated";
import { Doubt, useOnce } from "@/shared/once";
import { Empty, Failure, Loading } from "@/shared/ui/states";

import { Gain, quoted } from "./figures";

/** What an account holds open, with what it has won or lost by it. */
export function Positions({ account }: { account: string }) {
  const cache = useQueryClient();
  const list = useQuery({ queryKey: ["positions", account], queryFn: () => data(listPositions({ path: { account_id: account } })), refetchInterval: 5_000 });
  const close = useOnce(
    (symbol: string, key) => data(closePosition({ path: { account_id: account, symbol }, headers: { "Idempotency-Key": key } })),
    { settled: () => cache.invalidateQueries({ queryKey: ["positions"] }) },
  );
  return (
    <section className="panel stack" aria-labelledby="positions">
      <h2 id="positions">Positions</h2>
      {list.isError && <Failure error={list.error} retry={() => void list.refetch()} />}
      <Doubt about={close} what="the order that closes it" see={<Link to="/orders">Orders</Link>} />
      {list.isPending && <Loading />}
      {list.isSuccess && list.data.items.length === 0 && <Empty>No position is open.</Empty>}
      {list.isSuccess && list.data.items.length > 0 && (
        <div className="scroll-x" tabIndex={0} role="group" aria-label="Open positions">
          <table>
            <thead><tr><th scope="col">Instrument</th><th scope="col">Product</th><th scope="col" className="num">Quantity</th><th scope="col" className="num">Average</th><th scope="col" className="num">Last</th><th scope="col" className="num">Realised</th><th scope="col" className="num">Unrealised</th><th scope="col"><span className="sr">Actions</span></th></tr></thead>
            <tbody>
              {list.data.items.map((position) => (
                <tr key={`${position.symbol}${position.product}`}>
                  <td><Link to={`/chart/${encodeURIComponent(position.symbol)}`}>{position.symbol}</Link></td><td>{position.product.toUpperCase()}</td>
                  <td className="num">{position.quantity}</td><td className="num">{quoted(position.average_price)}</td><td className="num">{quoted(position.last_price)}</td>
                  <td className="num"><Gain amount={position.realised} /></td><td className="num"><Gain amount={position.unrealised} /></td>
                  <td>{Number(position.quantity) !== 0 && <button type="button" className="button" disabled={close.pending} onClick={() => close.ask(position.symbol)}>Close</button>}</td>
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      )}
    </section>
  );
}
