import { Link } from "react-router";

import { rupees } from "@/shared/format/numbers";
import { moment } from "@/shared/format/time";
import { Empty, Failure, Loading } from "@/shared/ui/states";

import { Gain, quoted } from "./figures";
import { useTrades } from "./useTrades";

const SHOWN = 100;

/** The newest fills of an account. */
export function Trades({ account }: { account: string }) {
  const list = useTrades(account);
  const trades = list.data?.items.slice(0, SHOWN) ?? [];
  return (
    <>
      {list.isError && <Failure error={list.error} retry={() => void list.refetch()} />}
      {list.isPending && <Loading />}
      {list.isSuccess && trades.length === 0 && <Empty>Nothing has been traded yet.</Empty>}
      {trades.length > 0 && (
        <div className="scroll-x orders" tabIndex={0} role="group" aria-label="Trades">
          <table>
            <thead><tr><th scope="col">When</th><th scope="col">Instrument</th><th scope="col">Side</th><th scope="col" className="num">Quantity</th><th scope="col" className="num">Price</th><th scope="col" className="num">Value</th><th scope="col" className="num">Realised</th></tr></thead>
            <tbody>
              {trades.map((trade) => (
                <tr key={trade.id}>
                  <td>{moment(trade.at)}</td><td><Link to={`/chart/${encodeURIComponent(trade.symbol)}`}>{trade.symbol}</Link></td>
                  <td className={trade.side === "buy" ? "up" : "down"}>{trade.side === "buy" ? "▲ buy" : "▼ sell"}</td>
                  <td className="num">{trade.quantity}</td><td className="num">{quoted(trade.price)}</td><td className="num">{rupees(trade.value)}</td><td className="num"><Gain amount={trade.realised} /></td>
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      )}
    </>
  );
}
