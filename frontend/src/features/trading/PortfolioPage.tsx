import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { Link } from "react-router";

import { data } from "@/api/client";
import { type AccountView, changeTradingAccount, listTradingHoldings } from "@/api/generated";
import { rupees } from "@/shared/format/numbers";
import { Empty, Failure, Loading } from "@/shared/ui/states";

import { chooseAccount, useTradingAccount } from "./account";
import { AccountKind } from "./AccountKind";
import { EquityCurve } from "./EquityCurve";
import { Gain, quoted } from "./figures";
import { OpenAccount } from "./OpenAccount";
import { Performance } from "./Performance";
import { Positions } from "./Positions";
import "./trading.css";
import { useTradingEvents } from "./useTradingEvents";

/** What the account has, owes and has earned. */
export default function PortfolioPage() {
  const { account, accounts, list } = useTradingAccount();
  const [opening, setOpening] = useState(false);
  useTradingEvents();
  if (list.isPending) return <div className="page"><h1>Portfolio</h1><Loading /></div>;
  return (
    <div className="page">
      <div className="row">
        <h1 className="grow">Portfolio</h1>
        {account && <AccountKind account={account} />}
        {account && accounts.length > 1 && (
          <label className="field"><span className="sr">Account</span>
            <select value={account.id} onChange={(event) => chooseAccount(event.target.value)}>{accounts.map((each) => <option key={each.id} value={each.id}>{each.kind === "live" ? `${each.name} (live)` : each.name}</option>)}</select>
          </label>
        )}
        {account && <Link className="button" to="/portfolio/notes">Contract notes</Link>}
        {account && !opening && <button type="button" className="button" onClick={() => setOpening(true)}>Another account</button>}
      </div>
      {list.isError && <Failure error={list.error} retry={() => void list.refetch()} />}
      {list.isSuccess && (!account || opening) && <OpenAccount opened={(id) => { chooseAccount(id); setOpening(false); }} />}
      {account && <Account key={account.id} account={account} />}
    </div>
  );
}

function Account({ account }: { account: AccountView }) {
  const figures = [
    ["Equity", account.equity], ["Cash", account.cash], ["Margin used", account.margin_used], ["Can buy for", account.buying_power],
    ["Unsettled", account.unsettled], ["Realised", account.realised], ["Unrealised", account.unrealised], ["Charges paid", account.charges],
  ] as const;
  return (
    <>
      <dl className="facts-row" aria-label="Funds">
        {figures.map(([name, amount]) => <div key={name}><dt>{name}</dt><dd className="num">{rupees(amount)}</dd></div>)}
      </dl>
      <KillSwitch account={account} />
      <EquityCurve account={account.id} />
      <Positions account={account.id} />
      <Holdings account={account.id} />
      <Performance account={account.id} />
    </>
  );
}

const STATES = [["active", "Trading"], ["reducing", "Only closing"], ["halted", "Halted"]] as const;

function KillSwitch({ account }: { account: AccountView }) {
  const cache = useQueryClient();
  const change = useMutation({
    mutationFn: (state: AccountView["state"]) => data(changeTradingAccount({ path: { account_id: account.id }, body: { state } })),
    onSettled: () => cache.invalidateQueries({ queryKey: ["trading-accounts"] }),
  });
  return (
    <div className="row" role="group" aria-label="Kill switch">
      {STATES.map(([state, name]) => (
        <button key={state} type="button" className="button" aria-pressed={account.state === state} disabled={change.isPending} onClick={() => change.mutate(state)}>{name}</button>
      ))}
      {change.isError && <Failure error={change.error} />}
    </div>
  );
}

function Holdings({ account }: { account: string }) {
  const list = useQuery({ queryKey: ["holdings", account], queryFn: () => data(listTradingHoldings({ path: { account_id: account } })), refetchInterval: 15_000 });
  return (
    <section className="panel stack" aria-labelledby="holdings">
      <h2 id="holdings">Holdings</h2>
      {list.isError && <Failure error={list.error} retry={() => void list.refetch()} />}
      {list.isPending && <Loading />}
      {list.isSuccess && list.data.items.length === 0 && <Empty>Shares that you buy for delivery stand here.</Empty>}
      {list.isSuccess && list.data.items.length > 0 && (
        <div className="scroll-x" tabIndex={0} role="group" aria-label="Shares held">
          <table>
            <thead><tr><th scope="col">Instrument</th><th scope="col" className="num">Quantity</th><th scope="col" className="num">Can be sold</th><th scope="col" className="num">Average</th><th scope="col" className="num">Last</th><th scope="col" className="num">Value</th><th scope="col" className="num">Unrealised</th></tr></thead>
            <tbody>
              {list.data.items.map((held) => (
                <tr key={held.symbol}>
                  <td><Link to={`/chart/${encodeURIComponent(held.symbol)}`}>{held.symbol}</Link></td><td className="num">{held.quantity}</td><td className="num">{held.sellable_quantity}</td>
                  <td className="num">{quoted(held.average_price)}</td><td className="num">{quoted(held.last_price)}</td><td className="num">{held.value ? rupees(held.value) : "–"}</td><td className="num"><Gain amount={held.unrealised} /></td>
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      )}
    </section>
  );
}
