import { useQuery } from "@tanstack/react-query";

import { data } from "@/api/client";
import { getPerformance } from "@/api/generated";
import { percent, price, rupees, UNKNOWN } from "@/shared/format/numbers";
import { Failure, Loading } from "@/shared/ui/states";

const share = (value: number | null): string => (value === null ? UNKNOWN : percent(value * 100));

/** How well the account was traded. */
export function Performance({ account }: { account: string }) {
  const performance = useQuery({ queryKey: ["performance", account], queryFn: () => data(getPerformance({ path: { account_id: account } })), refetchInterval: 60_000 });
  if (performance.isPending) return <Loading />;
  if (performance.isError) return <Failure error={performance.error} retry={() => void performance.refetch()} />;
  const of = performance.data;
  const figures = [
    ["Time-weighted return", share(of.twr)], ["XIRR", share(of.xirr)], ["Sharpe", price(of.sharpe)], ["Sortino", price(of.sortino)], ["Calmar", price(of.calmar)],
    ["Deepest draw-down", share(of.draw_down.depth)], ["Trades won", share(of.total.win_rate)], ["Profit factor", price(of.total.profit_factor)],
    ["Net of charges", rupees(of.total.net)], ["Charges", rupees(of.charges)],
  ] as const;
  const rows = Object.entries(of.by_symbol);
  return (
    <section className="panel stack" aria-labelledby="performance">
      <h2 id="performance">Performance</h2>
      <dl className="facts-row">{figures.map(([name, value]) => <div key={name}><dt>{name}</dt><dd className="num">{value}</dd></div>)}</dl>
      {rows.length > 0 && (
        <div className="scroll-x" tabIndex={0} role="group" aria-label="By instrument">
          <table>
            <thead><tr><th scope="col">Instrument</th><th scope="col" className="num">Trades</th><th scope="col" className="num">Won</th><th scope="col" className="num">Net</th></tr></thead>
            <tbody>{rows.map(([symbol, score]) => <tr key={symbol}><td>{symbol}</td><td className="num">{score.trades}</td><td className="num">{share(score.win_rate)}</td><td className="num">{rupees(score.net)}</td></tr>)}</tbody>
          </table>
        </div>
      )}
    </section>
  );
}
