import { useQuery } from "@tanstack/react-query";
import { useDeferredValue, useState } from "react";
import { Link } from "react-router";

import { data } from "@/api/client";
import { addOrderGroup, type GroupView, type NewGroup, type NewOrder, type OptionChainView, previewOrder } from "@/api/generated";
import { useTradingAccount } from "@/features/trading/account";
import { sumOf } from "@/shared/format/money";
import { price, rupees, signed } from "@/shared/format/numbers";
import { Doubt, useOnce } from "@/shared/once";
import { Failure } from "@/shared/ui/states";

import { changed, type Entry, greeksOf, isWhole, legOf, MOST_LEGS, orderOf } from "./basket";
import { PayoffChart } from "./PayoffChart";
import { atExpiry, breakevens, extremes } from "./payoff";

const DAYS_PER_YEAR = 365;

interface Props {
  chain: OptionChainView;
  basket: readonly Entry[];
  change: (basket: Entry[]) => void;
}

/** The legs that were chosen in the chain: what they may win and lose, what they block, and the order of all of them. */
export function Basket({ chain, basket, change }: Props) {
  const [placed, setPlaced] = useState<GroupView | null>(null);
  const whole = basket.length > 0 && basket.every(isWhole);
  return (
    <section className="panel stack basket" aria-label="Basket">
      <div className="row">
        <h2 className="grow">Basket</h2>
        {basket.length > 0 && <button type="button" className="button" onClick={() => change([])}>Empty it</button>}
      </div>
      {placed && basket.length === 0 && <p className="notice" role="status">{placed.orders.length} orders are on their way to the exchange. <Link to="/orders">See what becomes of them</Link></p>}
      {basket.length === 0 && <p className="muted">Buy (B) or sell (S) options in the chain to put them here, and see what they may win and lose together. Nothing is ordered by that.</p>}
      {basket.length > 0 && (
        <ul className="legs">
          {basket.map((entry) => <Line key={entry.symbol} entry={entry} change={(part) => change(changed(basket, entry.symbol, part))} />)}
        </ul>
      )}
      {basket.length >= MOST_LEGS && <p className="muted">A basket takes {MOST_LEGS} legs.</p>}
      {basket.length > 0 && !whole && <p className="warn">Every leg needs a price.</p>}
      {whole && <Outlook chain={chain} basket={basket} />}
      {whole && <Placing basket={basket} placed={(group) => (setPlaced(group), change([]))} />}
    </section>
  );
}

function nameOf({ strike, type }: Entry): string {
  return `${price(strike, Number.isInteger(strike) ? 0 : 2)} ${type}`;
}

function Line({ entry, change }: { entry: Entry; change: (part: Partial<Pick<Entry, "lots" | "price">>) => void }) {
  const buying = entry.lots > 0;
  const name = nameOf(entry);
  return (
    <li>
      <button type="button" className={`button side ${buying ? "up" : "down"}`} aria-label={`${buying ? "Buy" : "Sell"} ${name}; turn round`} onClick={() => change({ lots: -entry.lots })}>{buying ? "▲ Buy" : "▼ Sell"}</button>
      <b className="grow">{name}</b>
      <label>Lots <input type="number" min={1} step={1} value={Math.abs(entry.lots)} onChange={(event) => Number(event.target.value) > 0 && change({ lots: Math.sign(entry.lots) * Math.floor(Number(event.target.value)) })} aria-label={`Lots of ${name}`} title={`${entry.lotSize} in a lot`} /></label>
      <label>at <input className="num" inputMode="decimal" value={entry.price} onChange={(event) => change({ price: event.target.value.trim() })} aria-label={`Price of ${name}`} /></label>
      <button type="button" className="button icon quiet" aria-label={`Remove ${name}`} onClick={() => change({ lots: 0 })}>×</button>
    </li>
  );
}

function Outlook({ chain, basket }: { chain: OptionChainView; basket: readonly Entry[] }) {
  const legs = basket.map(legOf);
  const { profit, loss } = extremes(legs);
  const evens = breakevens(legs).map((each) => price(each));
  const greeks = greeksOf(basket);
  const paid = legs.reduce((sum, leg) => sum + leg.quantity * leg.price, 0);
  const spot = chain.spot ?? chain.forward;
  const best = profit === null ? "unlimited" : price(profit, 0);
  const worst = loss === null ? "unlimited" : price(Math.max(0, -loss), 0);
  const facts = [
    [paid >= 0 ? "You pay" : "You get", price(Math.abs(paid))], ["Most to win", best], ["Most to lose", worst], [evens.length === 1 ? "Breakeven" : "Breakevens", evens.join(", ") || "none"],
    ["Delta", signed(greeks.delta, 1)], ["Gamma", signed(greeks.gamma, 3)], ["Theta a day", signed(greeks.theta, 0)], ["Vega a point", signed(greeks.vega, 0)],
  ] as const;
  const summary = `Profit and loss at expiry: most to win ${best}, most to lose ${worst}, breakeven ${evens.join(" and ") || "none"}${spot === null ? "" : `, ${signed(atExpiry(legs, spot), 0)} at the present price`}.`;
  return (
    <>
      {spot === null
        ? <p className="warn">The price of {chain.underlying} is not known now: there is no diagram.</p>
        : <PayoffChart legs={legs} spot={spot} summary={summary} conditions={{ years: chain.days_to_expiry / DAYS_PER_YEAR, rate: chain.rate, carry: (chain.forward ?? spot) / spot }} />}
      <dl className="facts-row">
        {facts.map(([name, value]) => <div key={name}><dt>{name}</dt><dd className="num">{value}</dd></div>)}
      </dl>
      <p className="muted">Rupees before charges. “Now” and the Greeks: Black-76 with each leg’s own implied volatility{greeks.delta === null ? "; that of a leg is not known" : ""}.</p>
    </>
  );
}

function Placing({ basket, placed }: { basket: readonly Entry[]; placed: (group: GroupView) => void }) {
  const { account, list } = useTradingAccount();
  const orders = useDeferredValue(JSON.stringify(basket.map(orderOf)));
  const id = account?.id ?? "";
  const previews = useQuery({
    queryKey: ["preview", id, orders],
    queryFn: ({ signal }) => Promise.all((JSON.parse(orders) as Omit<NewOrder, "account_id">[]).map((order) => data(previewOrder({ body: { ...order, account_id: id }, signal })))),
    enabled: id !== "" && account?.kind === "paper", retry: false, staleTime: 2_000,
  });
  const place = useOnce((body: NewGroup, key) => data(addOrderGroup({ body, headers: { "Idempotency-Key": key } })), { done: placed });
  if (list.isError) return <Failure error={list.error} retry={() => void list.refetch()} />;
  if (list.isSuccess && !account) return <p><Link to="/portfolio">Open a paper account</Link> to see the margin and to trade.</p>;
  if (account && account.kind !== "paper") return <p className="muted">Baskets are placed on paper only. <Link to="/portfolio">Choose a paper account</Link>.</p>;
  const all = previews.data ?? [];
  const blocked = sumOf(all.map((each) => each.blocked));
  const charges = sumOf(all.map((each) => each.charges_total));
  const available = all[0]?.available;
  const failures = new Map(all.flatMap((each) => each.failures.map(({ code, text }) => [`${code}${text}`, text] as const)));
  const short = blocked !== null && available !== undefined && Number(blocked) > Number(available);
  return (
    <>
      {all.length > 0 && (
        <dl className="facts-list">
          <div><dt>Blocks (premium and margin)</dt><dd className="num">{rupees(blocked ?? "")}</dd></div>
          <div><dt>Charges</dt><dd className="num">{rupees(charges ?? "")}</dd></div>
          <div><dt>You have</dt><dd className="num">{rupees(available ?? "")}</dd></div>
        </dl>
      )}
      {all.length > 1 && <p className="muted">Each leg is counted by itself: one does not lower the margin of another.</p>}
      {[...failures.values()].map((text) => <p key={text} className="warn">{text}</p>)}
      {short && failures.size === 0 && <p className="warn">All legs together need more than you have.</p>}
      {previews.isError && <Failure error={previews.error} retry={() => void previews.refetch()} />}
      <Doubt about={place} what="the basket" see={<Link to="/orders">Orders</Link>} />
      <div>
        <button type="button" className="button primary" disabled={!account || !previews.isSuccess || failures.size > 0 || short || place.pending} onClick={() => place.ask({ account_id: id, kind: "basket", orders: basket.map(orderOf) })}>
          Place {basket.length === 1 ? "the order" : `${basket.length} orders`} on paper
        </button>
      </div>
    </>
  );
}
