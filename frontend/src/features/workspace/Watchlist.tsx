import { type KeyboardEvent, useState } from "react";

import type { NewOrder } from "@/api/generated";
import { useChannels } from "@/realtime/stream";
import { actOn } from "@/shared/keys/keys";
import { Failure, Loading } from "@/shared/ui/states";

import { moved, type useWatchlists } from "./watchlist";
import { WatchlistTabs } from "./WatchlistTabs";
import { WatchRow } from "./WatchRow";

interface Props {
  watchlists: ReturnType<typeof useWatchlists>;
  selected: string;
  select: (symbol: string) => void;
  search: () => void;
  /** Set or see the alerts of an instrument. */
  alert: (symbol: string) => void;
  /** Go to the order ticket of an instrument. */
  order: (symbol: string, side: NewOrder["side"]) => void;
  /** Go to the depth of an instrument. */
  depth: (symbol: string) => void;
}

/** The instruments that are followed. Dragging sorts them; the keys are those of `KEYS.watchlist`. */
export function Watchlist({ watchlists, selected, select, search, alert, order, depth }: Props) {
  const { list, pending, error, retry, change } = watchlists;
  const [removed, setRemoved] = useState<{ symbol: string; at: number } | null>(null);
  const [dragged, setDragged] = useState<number | null>(null);
  const [target, setTarget] = useState<number | null>(null);
  const [said, setSaid] = useState("");
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

  function move(from: number, to: number): void {
    if (to < 0 || to >= list.length) return;
    change((now) => moved(now, from, to));
    setSaid(`${list[from]} is now number ${to + 1} of ${list.length}.`);
  }

  function onKey(event: KeyboardEvent<HTMLElement>, at: number): void {
    const symbol = list[at] ?? selected;
    const go = (to: number): void => event.currentTarget.closest("ul")?.querySelectorAll<HTMLElement>(".watchrow")[to]?.focus();
    actOn("watchlist", event, {
      next: () => go(at + 1), previous: () => go(at - 1), down: () => move(at, at + 1), up: () => move(at, at - 1),
      choose: () => select(symbol), remove: () => remove(at), alert: () => alert(symbol),
      buy: () => order(symbol, "buy"), sell: () => order(symbol, "sell"), depth: () => depth(symbol),
    });
  }

  function end(): void {
    setDragged(null);
    setTarget(null);
  }

  return (
    <section className="watchlist" id="watchlist" aria-label="Watchlist">
      {pending && <Loading />}
      {error && <Failure error={error} retry={retry} />}
      {!pending && <WatchlistTabs watchlists={watchlists} />}
      {!pending && list.length === 0 && <p className="notice">Nothing is followed here yet. <button type="button" className="button" onClick={search}>Search an instrument</button></p>}
      <ul>
        {list.map((symbol, at) => (
          <WatchRow
            key={symbol} symbol={symbol} selected={symbol === selected} target={target === at && dragged !== at}
            select={() => select(symbol)} remove={() => remove(at)} alert={() => alert(symbol)} onKey={(event) => onKey(event, at)}
            drag={{
              start: () => setDragged(at), over: () => setTarget(at), end,
              drop: () => {
                if (dragged !== null) move(dragged, at);
                end();
              },
            }}
          />
        ))}
      </ul>
      <p className="sr" role="status">{said}</p>
      {removed && (
        <p className="notice" role="status">
          {removed.symbol} was removed. <button type="button" className="button" onClick={undo}>Undo</button>
        </p>
      )}
    </section>
  );
}
