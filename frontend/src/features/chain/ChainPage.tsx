import { keepPreviousData, useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { Link, useParams, useSearchParams } from "react-router";

import { data } from "@/api/client";
import { listExpiries, readOptionChain } from "@/api/generated";
import { ApiError } from "@/api/problem";
import { day } from "@/shared/format/time";
import { Empty, Failure, Loading } from "@/shared/ui/states";

import { added, type Entry, refreshed } from "./basket";
import { Basket } from "./Basket";
import "./chain.css";
import { ChainSummary } from "./ChainSummary";
import { ChainTable, type Pick, type Side } from "./ChainTable";

const EVERY_MS = 5_000;
const UNDERLYINGS = ["NIFTY", "BANKNIFTY", "FINNIFTY", "RELIANCE", "INFY"];

/** The options of one underlying and expiry: live prices, open interest, implied volatility, Greeks. */
export default function ChainPage() {
  const underlying = useParams().underlying ?? "NIFTY";
  const [query, setQuery] = useSearchParams();
  const [greeks, setGreeks] = useState(false);
  const [side, setSide] = useState<Side>("call");
  const [trading, setTrading] = useState(false);
  // One for each underlying and expiry: only what ends on one day has a payoff on that day.
  const [baskets, setBaskets] = useState<Record<string, Entry[]>>({});
  const expiries = useQuery({ queryKey: ["expiries", underlying], queryFn: () => data(listExpiries({ path: { underlying } })), staleTime: 600_000 });
  const expiry = query.get("expiry") ?? expiries.data?.items[0] ?? null;
  const chain = useQuery({
    queryKey: ["chain", underlying, expiry],
    queryFn: ({ signal }) => data(readOptionChain({ path: { underlying }, query: { expiry, strikes: 15, greeks: true }, signal })),
    enabled: expiry !== null, refetchInterval: EVERY_MS, placeholderData: keepPreviousData,
  });
  // Until the chain of another expiry has come, the one before is shown; the basket is of the one that is shown.
  const of = chain.data ? `${chain.data.underlying} ${chain.data.expiry}` : "";
  const basket = chain.data ? refreshed(baskets[of] ?? [], chain.data) : [];
  const change = (next: Entry[]): void => setBaskets((all) => ({ ...all, [of]: next }));
  const pick: Pick = (type, strike, view, by) => change(added(basket, { type, strike, view }, by));
  const failed = expiries.error ?? chain.error;
  return (
    <div className="page chain" data-side={side}>
      <div className="row">
        <h1 className="grow">Options of {underlying}</h1>
        <nav className="row" aria-label="Underlyings">
          {UNDERLYINGS.map((name) => <Link key={name} className="button" to={`/chain/${name}`} aria-current={name === underlying ? "page" : undefined}>{name}</Link>)}
        </nav>
      </div>
      {expiries.isSuccess && expiries.data.items.length === 0 && <Empty action={<Link className="button" to="/chain/NIFTY">Options of NIFTY</Link>}>{underlying} has no listed options.</Empty>}
      {expiries.isSuccess && expiries.data.items.length > 0 && (
        <div className="expiries" role="group" aria-label="Expiry">
          {expiries.data.items.slice(0, 12).map((each) => (
            <button key={each} type="button" className="button" aria-pressed={each === expiry} onClick={() => setQuery({ expiry: each }, { replace: true })}>{day(each)}</button>
          ))}
        </div>
      )}
      {failed && <Refusal error={failed} retry={() => void (expiries.error ? expiries : chain).refetch()} />}
      {(expiries.isPending || (chain.isPending && expiry !== null)) && <Loading lines={8} />}
      {chain.data && (
        <>
          <ChainSummary chain={chain.data} />
          <div className="row">
            <div className="row sides" role="group" aria-label="Side">
              <button type="button" className="button" aria-pressed={side === "call"} onClick={() => setSide("call")}>Calls</button>
              <button type="button" className="button" aria-pressed={side === "put"} onClick={() => setSide("put")}>Puts</button>
            </div>
            <button type="button" className="button" aria-pressed={greeks} onClick={() => setGreeks(!greeks)}>Greeks</button>
            <button type="button" className="button" aria-pressed={trading} onClick={() => setTrading(!trading)}>Basket{basket.length > 0 && ` (${basket.length})`}</button>
          </div>
          <div className={trading ? "withbasket" : undefined}>
            <ChainTable chain={chain.data} greeks={greeks} pick={trading ? pick : null} />
            {trading && <Basket key={of} chain={chain.data} basket={basket} change={change} />}
          </div>
        </>
      )}
    </div>
  );
}

function Refusal({ error, retry }: { error: Error; retry: () => void }) {
  const lacksSession = error instanceof ApiError && error.code === "broker_session_required";
  if (!lacksSession) return <Failure error={error} retry={retry} />;
  return <Empty action={<Link className="button primary" to="/connect">Connect Breeze</Link>}>{error.message}</Empty>;
}
