import { useEffect, useReducer } from "react";

import type { Level } from "@/realtime/protocol";
import { ticks, useChannels } from "@/realtime/stream";
import { compact, integer, price } from "@/shared/format/numbers";
import { clock } from "@/shared/format/time";
import { LiveCell } from "@/realtime/cells";

const EVERY_MS = 100;

/** The five best prices of each side, redrawn at most ten times a second. */
export function Depth({ symbol, decimals }: { symbol: string; decimals: number }) {
  const [, redraw] = useReducer((count: number) => count + 1, 0);
  useChannels([`depth:${symbol}`, `tick:${symbol}`]);
  useEffect(() => {
    let due: ReturnType<typeof setTimeout> | undefined;
    const stop = ticks.watchDepth(symbol, {
      update: () => {
        due ??= setTimeout(() => {
          due = undefined;
          redraw();
        }, EVERY_MS);
      },
    });
    return () => {
      clearTimeout(due);
      stop();
    };
  }, [symbol]);
  const depth = ticks.depth(symbol);
  const bids = depth?.bids ?? [];
  const asks = depth?.asks ?? [];
  const most = Math.max(1, ...bids.map(([, quantity]) => quantity), ...asks.map(([, quantity]) => quantity));
  const facts = [["Open", "open"], ["High", "high"], ["Low", "low"], ["Prev. close", "prev_close"], ["Average", "avg_price"]] as const;
  return (
    <section className="depth" aria-label={`Depth of ${symbol}`}>
      <h2>Depth</h2>
      {!depth && <p className="muted">{symbol.includes("_INDEX:") ? "An index has no order book." : "No depth has come yet."}</p>}
      {depth && (
        <div className="live ladder" role="table" aria-label="Best five prices">
          {[...asks].reverse().map((level, i) => <Row key={`a${asks.length - i}`} level={level} side="ask" share={level[1] / most} decimals={decimals} />)}
          <div className="spread muted num" role="row">
            <span role="cell">Spread {price(asks[0] && bids[0] ? asks[0][0] - bids[0][0] : NaN, decimals)}</span>
          </div>
          {bids.map((level, i) => <Row key={`b${i}`} level={level} side="bid" share={level[1] / most} decimals={decimals} />)}
        </div>
      )}
      <dl>
        {facts.map(([name, field]) => (
          <div key={field}><dt>{name}</dt><dd><LiveCell symbol={symbol} field={field} format={(value) => price(value, decimals)} /></dd></div>
        ))}
        <div><dt>Volume</dt><dd><LiveCell symbol={symbol} field="volume" format={compact} /></dd></div>
        <div><dt>Open interest</dt><dd><LiveCell symbol={symbol} field="oi" format={compact} /></dd></div>
        <div><dt>Last trade</dt><dd><LiveCell symbol={symbol} field="ltt" format={clock} /></dd></div>
      </dl>
    </section>
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
