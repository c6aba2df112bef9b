import { useQuery } from "@tanstack/react-query";
import { Link, useParams } from "react-router";

import { data } from "@/api/client";
import { getInstrument, type InstrumentDetail } from "@/api/generated";
import { Coverage } from "@/features/data/Coverage";
import { LiveCell } from "@/realtime/cells";
import { useChannels } from "@/realtime/stream";
import { decimalsOf, integer, percent, price } from "@/shared/format/numbers";
import { day } from "@/shared/format/time";
import { Failure, Loading } from "@/shared/ui/states";

import "@/features/data/data.css";

const OPTIONABLE = new Set(["equity", "index", "future", "option"]);

function facts(of: InstrumentDetail): [string, string][] {
  const decimals = decimalsOf(of.tick_size);
  const rows: [string, string | null | undefined][] = [
    ["Exchange", of.exchange], ["Segment", of.segment], ["Type", of.type], ["Series", of.series], ["ISIN", of.isin],
    ["Lot", integer(of.lot_size)], ["Tick", of.tick_size],
    ["Most in one order", of.freeze_quantity ? integer(of.freeze_quantity) : null],
    ["Price band", of.lower_band && of.upper_band ? `${price(Number(of.lower_band), decimals)} to ${price(Number(of.upper_band), decimals)}` : null],
    ["Expiry", of.expiry ? day(of.expiry) : null], ["Strike", of.strike ? price(Number(of.strike), decimals) : null], ["Right", of.right], ["Underlying", of.underlying],
    ["ICICI code", of.broker_code], ["Broker token", of.broker_token], ["Status", of.status],
  ];
  return rows.filter((row): row is [string, string] => Boolean(row[1]));
}

/** What is known of one instrument: its contract, every name it goes by, and the history that is stored. */
export default function InstrumentPage() {
  const symbol = useParams().symbol ?? "";
  useChannels([`tick:${symbol}`]);
  const instrument = useQuery({ queryKey: ["instrument", symbol], queryFn: () => data(getInstrument({ path: { symbol } })), staleTime: 600_000 });
  if (instrument.isPending) return <div className="page"><Loading /></div>;
  if (instrument.isError) return <div className="page"><h1>{symbol}</h1><Failure error={instrument.error} retry={() => void instrument.refetch()} /></div>;
  const of = instrument.data;
  const decimals = decimalsOf(of.tick_size);
  const root = of.underlying ?? of.symbol.split(/:(.*)/)[1] ?? of.symbol;
  return (
    <div className="page">
      <div className="row">
        <h1>{of.symbol}</h1>
        <span className="muted grow">{of.name}</span>
        <LiveCell symbol={symbol} field="ltp" format={(value) => price(value, decimals)} flash />
        <LiveCell symbol={symbol} field="change_pct" format={percent} bySign />
      </div>
      <div className="row">
        <Link className="button primary" to={`/chart/${encodeURIComponent(symbol)}`}>Chart</Link>
        {OPTIONABLE.has(of.type) && <Link className="button" to={`/chain/${encodeURIComponent(root)}`}>Options of {root}</Link>}
      </div>
      <section className="panel stack" aria-label="Contract">
        <h2>Contract</h2>
        <div className="scroll-x">
          <table><tbody>{facts(of).map(([name, value]) => <tr key={name}><th scope="row">{name}</th><td>{value}</td></tr>)}</tbody></table>
        </div>
      </section>
      <section className="panel stack" aria-label="Names">
        <h2>Also called</h2>
        <p className="row">{of.aliases.map((alias) => <code key={alias} className="tag">{alias}</code>)}</p>
      </section>
      <Coverage symbol={symbol} />
    </div>
  );
}
