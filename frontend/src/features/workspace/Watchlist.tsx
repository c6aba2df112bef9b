import { type DragEvent, type KeyboardEvent, useState } from "react";

import { LiveCell } from "@/realtime/cells";
import { useChannels } from "@/realtime/stream";
import { percent, price } from "@/shared/format/numbers";
import { Failure, Loading } from "@/shared/ui/states";

import { moved, useWatchlist } from "./watchlist";

interface Props {
  selected: string;
  select: (symbol: string) => void;
  search: () => void;
}

/** The instruments that are followed. Arrows move, Enter charts, Alt+arrows or dragging sort, Delete removes with undo. */
export function Watchlist({ selected, select, search }: Props) {
  const { list, pending, error, retry, change } = useWatchlist();
  const [removed, setRemoved] = useState<{ symbol: string; at: number } | null>(null);
  const [dragged, setDragged] = useState<number | null>(null);
  useChannels(list.map((symbol) => `tick:${symbol}`));

  function remove(at: number): void {
    const symbol = list[at];
    if (symbol === undefined) return;
    change((now) => now.filter((item) => item !== symbol));
    setRemoved({ symbol, at });
  }

  function undo(): void {
    if (removed) change((now) => [...now.slice(0, removed.at), removed.symbol, ...now.slice(removed.at)]);
    setRemoved(null);
  }

  function onKey(event: KeyboardEvent<HTMLElement>, at: number): void {
    const step = event.key === "ArrowDown" ? 1 : event.key === "ArrowUp" ? -1 : 0;
    if (step !== 0) {
      event.preventDefault();
      if (event.altKey) change((now) => moved(now, at, at + step));
      else event.currentTarget.closest("ul")?.querySelectorAll<HTMLElement>(".watchrow")[at + step]?.focus();
    } else if (event.key === "Delete") remove(at);
  }

  function onDrop(event: DragEvent, at: number): void {
    event.preventDefault();
    if (dragged !== null) change((now) => moved(now, dragged, at));
    setDragged(null);
  }

  return (
    <section className="watchlist" aria-label="Watchlist">
      {pending && <Loading />}
      {error && <Failure error={error} retry={retry} />}
      {!pending && !error && list.length === 0 && <p className="notice">Nothing is followed yet. <button type="button" className="button" onClick={search}>Search an instrument</button></p>}
      <ul>
        {list.map((symbol, at) => {
          const [exchange = "", code = symbol] = symbol.split(/:(.*)/);
          return (
            <li key={symbol} draggable onDragStart={() => setDragged(at)} onDragOver={(event) => event.preventDefault()} onDrop={(event) => onDrop(event, at)}>
              <button type="button" className="watchrow" aria-current={symbol === selected} onClick={() => select(symbol)} onKeyDown={(event) => onKey(event, at)}>
                <span className="grow"><b>{code}</b> <small className="muted">{exchange.replace("_", " ")}</small></span>
                <LiveCell symbol={symbol} field="ltp" format={price} flash />
                <LiveCell symbol={symbol} field="change_pct" format={percent} bySign className="change" />
              </button>
              <button type="button" className="remove" aria-label={`Remove ${symbol}`} onClick={() => remove(at)}>×</button>
            </li>
          );
        })}
      </ul>
      {removed && (
        <p className="notice" role="status">
          {removed.symbol} was removed. <button type="button" className="button" onClick={undo}>Undo</button>
        </p>
      )}
    </section>
  );
}
