import { type ComponentProps, lazy, Suspense } from "react";

import { LiveCell } from "@/realtime/cells";
import type { Level } from "@/realtime/protocol";
import { compact, integer, price } from "@/shared/format/numbers";
import { clock } from "@/shared/format/time";
import { usePreference } from "@/shared/preferences";
import { load, save } from "@/shared/storage/json";
import { Loading } from "@/shared/ui/states";

import { useBook } from "./useBook";

const Ladder = lazy(() => import("./Ladder"));
const KEY = "workspace.depth";
/** What this browser has seen last: for the time until the server has answered. */
const LOCAL = "breezeway.depth";
const VIEWS = [["five", "Best five"], ["ladder", "Ladder"]] as const;
type View = (typeof VIEWS)[number][0];

/** What somebody chose, out of what is stored, whoever wrote it. */
function storedView(value: unknown): { view: View } {
  return { view: (value as { view?: unknown } | null)?.view === "ladder" ? "ladder" : "five" };
}

interface Props {
  symbol: string;
  decimals: number;
  derivative: boolean;
  /** What the ladder has to know; absent until it is known. */
  instrument: ComponentProps<typeof Ladder>["instrument"] | undefined;
}

/** The order book of an instrument: the best prices with the day's facts, or a ladder. */
export function Depth({ symbol, decimals, derivative, instrument }: Props) {
  const stored = usePreference(KEY, (value) => storedView(value ?? load(LOCAL)));
  const index = symbol.includes("_INDEX:");
  const view = index ? "five" : stored.value.view;
  function choose(next: View): void {
    save(LOCAL, { view: next });
    stored.change({ view: next });
  }
  return (
    <section className="depth" aria-label={`Depth of ${symbol}`}>
      <div className="row">
        <h2 className="grow">Depth</h2>
        {!index && (
          <div className="row views" role="group" aria-label="Show the depth as">
            {VIEWS.map(([id, name]) => <button key={id} type="button" className="button" aria-pressed={view === id} onClick={() => choose(id)}>{name}</button>)}
          </div>
        )}
      </div>
      {view === "ladder" && <Suspense fallback={<Loading />}>{instrument && <Ladder instrument={instrument} derivative={derivative} />}</Suspense>}
      {view === "five" && <Five symbol={symbol} decimals={decimals} none={index ? "An index has no order book." : "No depth has come yet."} />}
      {view === "five" && <Facts symbol={symbol} decimals={decimals} />}
    </section>
  );
}

/** The five best prices of each side, redrawn at most ten times a second. */
function Five({ symbol, decimals, none }: { symbol: string; decimals: number; none: string }) {
  const { depth } = useBook(symbol);
  if (!depth) return <p className="muted">{none}</p>;
  const { bids, asks } = depth;
  const most = Math.max(1, ...bids.map(([, quantity]) => quantity), ...asks.map(([, quantity]) => quantity));
  return (
    <div className="live ladder" role="table" aria-label="Best five prices">
      {[...asks].reverse().map((level, i) => <Row key={`a${asks.length - i}`} level={level} side="ask" share={level[1] / most} decimals={decimals} />)}
      <div className="spread muted num" role="row">
        <span role="cell">Spread {price(asks[0] && bids[0] ? asks[0][0] - bids[0][0] : NaN, decimals)}</span>
      </div>
      {bids.map((level, i) => <Row key={`b${i}`} level={level} side="bid" share={level[1] / most} decimals={decimals} />)}
    </div>
  );
}

function Facts({ symbol, decimals }: { symbol: string; decimals: number }) {
  const facts = [["Open", "open"], ["High", "high"], ["Low", "low"], ["Prev. close", "prev_close"], ["Average", "avg_price"]] as const;
  return (
    <dl>
      {facts.map(([name, field]) => (
        <div key={field}><dt>{name}</dt><dd><LiveCell symbol={symbol} field={field} format={(value) => price(value, decimals)} /></dd></div>
      ))}
      <div><dt>Volume</dt><dd><LiveCell symbol={symbol} field="volume" format={compact} /></dd></div>
      <div><dt>Open interest</dt><dd><LiveCell symbol={symbol} field="oi" format={compact} /></dd></div>
      <div><dt>Last trade</dt><dd><LiveCell symbol={symbol} field="ltt" format={clock} /></dd></div>
    </dl>
  );
}

function Row({ level, side, share, decimals }: { level: Level; side: "bid" | "ask"; share: number; decimals: number }) {
  return (
    <div className={`level ${side}`} role="row">
      <span className="bar" style={{ transform: `scaleX(${share})` }} aria-hidden />
      <span role="cell">{price(level[0], decimals)}</span>
      <span role="cell">{integer(level[1])}</span>
      <span role="cell" className="muted">{integer(level[2])}</span>
    </div>
  );
}
