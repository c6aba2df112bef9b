import type { LegView, OptionChainView, StrikeView } from "@/api/generated";
import { LiveCell } from "@/realtime/cells";
import { useChannels } from "@/realtime/stream";
import { compact, price, signed } from "@/shared/format/numbers";
import { Link } from "react-router";

export type Side = "call" | "put";

interface Column {
  name: string;
  title: string;
  greek: boolean;
  show: (leg: LegView) => string;
}

/** From the outside in; the puts have them the other way round. */
const COLUMNS: Column[] = [
  { name: "OI", title: "Open interest", greek: false, show: (leg) => compact(leg.oi) },
  { name: "Chg", title: "Change of the open interest today", greek: false, show: (leg) => (leg.oi_change === null ? "–" : (leg.oi_change > 0 ? "+" : "") + compact(leg.oi_change)) },
  { name: "Vol", title: "Volume", greek: false, show: (leg) => compact(leg.volume) },
  { name: "Vega", title: "Vega: rupees per percentage point of volatility", greek: true, show: (leg) => price(leg.vega) },
  { name: "Theta", title: "Theta: rupees a day", greek: true, show: (leg) => signed(leg.theta) },
  { name: "Gamma", title: "Gamma", greek: true, show: (leg) => price(leg.gamma, 4) },
  { name: "Delta", title: "Delta", greek: true, show: (leg) => signed(leg.delta) },
  { name: "IV", title: "Implied volatility, percent a year", greek: false, show: (leg) => (leg.iv === null ? "–" : price(leg.iv * 100, 1)) },
];

/** What a phone leaves out to have room for the basket's buttons. */
const lesser = ({ name }: Column): string => (name === "Chg" || name === "Vol" ? " lesser" : "");

/** A lot of `leg` more bought (1) or sold (-1). */
export type Pick = (type: Side, strike: number, leg: LegView, by: 1 | -1) => void;

interface Props {
  chain: OptionChainView;
  greeks: boolean;
  /** Takes a leg into the basket; null while there is none. */
  pick: Pick | null;
}

/** Strikes down the middle, calls left, puts right; the side in the money is shaded, open interest grows outwards. */
export function ChainTable({ chain, greeks, pick }: Props) {
  const columns = COLUMNS.filter((column) => greeks || !column.greek);
  const legs = chain.strikes.flatMap((row) => [row.call, row.put].filter((leg): leg is LegView => leg !== null && leg !== undefined));
  const most = Math.max(1, ...legs.map((leg) => leg.oi ?? 0));
  useChannels(legs.map((leg) => `tick:${leg.symbol}`));
  const at = chain.spot ?? chain.forward;
  return (
    <div className="scroll-x" tabIndex={0} role="group" aria-label="Option chain">
      <table className="options">
        <thead>
          <tr className="wide"><th className="call" colSpan={columns.length + 1} scope="colgroup">Calls</th><td /><th className="put" colSpan={columns.length + 1} scope="colgroup">Puts</th></tr>
          <tr>
            {columns.map((column) => <th key={column.name} className={`num call${lesser(column)}`} title={column.title} scope="col">{column.name}</th>)}
            <th className="num call" scope="col">Last</th><th className="num" scope="col">Strike</th><th className="num put" scope="col">Last</th>
            {[...columns].reverse().map((column) => <th key={column.name} className={`num put${lesser(column)}`} title={column.title} scope="col">{column.name}</th>)}
          </tr>
        </thead>
        <tbody>
          {chain.strikes.map((row) => <Strike key={row.strike} row={row} columns={columns} most={most} atm={row.strike === chain.atm} at={at} pick={pick} />)}
        </tbody>
      </table>
    </div>
  );
}

function Strike({ row, columns, most, atm, at, pick }: { row: StrikeView; columns: Column[]; most: number; atm: boolean; at: number | null; pick: Pick | null }) {
  const inside = { call: at !== null && row.strike < at, put: at !== null && row.strike > at };
  return (
    <tr className={atm ? "atm" : undefined}>
      <Leg leg={row.call} strike={row.strike} pick={pick} side="call" columns={columns} most={most} inside={inside.call} />
      <th scope="row" className="num strike">{price(row.strike, Number.isInteger(row.strike) ? 0 : 2)}{atm && <span className="sr"> at the money</span>}</th>
      <Leg leg={row.put} strike={row.strike} pick={pick} side="put" columns={[...columns].reverse()} most={most} inside={inside.put} />
    </tr>
  );
}

function Leg({ leg, strike, pick, side, columns, most, inside }: { leg: LegView | null | undefined; strike: number; pick: Pick | null; side: Side; columns: Column[]; most: number; inside: boolean }) {
  const shade = inside ? " inside" : "";
  if (!leg) return <td className={side} colSpan={columns.length + 1} />;
  const last = (
    <td className={`num ${side}${shade}`} title={leg.live ? undefined : "The price of the last candle, not a live one"}>
      {pick && (
        <span className="picks">
          <button type="button" className="button" aria-label={`Buy ${strike} ${side}`} title="Buy a lot, in the basket" onClick={() => pick(side, strike, leg, 1)}>B</button>
          <button type="button" className="button" aria-label={`Sell ${strike} ${side}`} title="Sell a lot, in the basket" onClick={() => pick(side, strike, leg, -1)}>S</button>
        </span>
      )}
      <Link to={`/chart/${encodeURIComponent(leg.symbol)}`} aria-label={`Chart of ${leg.symbol}`}>
        {leg.live ? <LiveCell symbol={leg.symbol} field="ltp" format={price} flash /> : <span className="muted">{price(leg.ltp)}</span>}
      </Link>
    </td>
  );
  const cells = columns.map((column) => (
    <td key={column.name} className={`num ${side}${shade}${column.name === "OI" ? " oi" : lesser(column)}`}>
      {column.name === "OI" && <span className="bar" style={{ transform: `scaleX(${(leg.oi ?? 0) / most})` }} aria-hidden />}
      {column.show(leg)}
    </td>
  ));
  return <>{side === "call" ? <>{cells}{last}</> : <>{last}{cells}</>}</>;
}
