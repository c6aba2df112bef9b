import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";

import { data } from "@/api/client";
import { addWatchlist, changeWatchlist, listWatchlists, removeWatchlist } from "@/api/generated";
import { load, save } from "@/shared/storage/json";

/** Shown to somebody who has no list yet; stored with their first change. */
const FIRST: Watchlist = { id: null, name: "Watchlist", symbols: ["NSE:RELIANCE", "NSE:INFY", "NSE_INDEX:NIFTY"] };
const KEY = ["watchlists"];
const CHOSEN = "breezeway.watchlist";

export interface Watchlist {
  /** Null until the server has it. */
  id: string | null;
  name: string;
  symbols: readonly string[];
}

async function read(): Promise<Watchlist[]> {
  const { items } = await data(listWatchlists());
  return items.length > 0 ? items.map(({ id, name, symbols }) => ({ id, name, symbols })) : [FIRST];
}

/** `list` with the entry at `from` moved to `to`; unchanged when either is outside. */
export function moved(list: readonly string[], from: number, to: number): readonly string[] {
  const item = list[from];
  if (item === undefined || to < 0 || to >= list.length) return list;
  const rest = list.filter((_, i) => i !== from);
  return [...rest.slice(0, to), item, ...rest.slice(to)];
}

/** A name that none of `lists` has: `wanted`, or with a number behind it. */
export function freeName(wanted: string, lists: readonly Watchlist[]): string {
  const taken = new Set(lists.map(({ name }) => name));
  let name = wanted;
  for (let number = 2; taken.has(name); number += 1) name = `${wanted} ${number}`;
  return name;
}

/** The user's watchlists and the chosen one. A change shows at once, and is taken back with a word when the server refuses it. */
export function useWatchlists() {
  const cache = useQueryClient();
  const [chosen, setChosen] = useState(() => load(CHOSEN));
  const query = useQuery({ queryKey: KEY, queryFn: read, staleTime: 60_000 });
  const lists = query.data ?? [];
  const current = lists.find(({ id }) => id === chosen) ?? lists[0] ?? FIRST;
  const store = useMutation({
    // One after the other: the last change has to be the last that the server sees.
    scope: { id: "watchlists" },
    mutationFn: (work: () => Promise<unknown>) => work(),
    onError: () => cache.invalidateQueries({ queryKey: KEY }),
  });
  const now = (): Watchlist[] => cache.getQueryData<Watchlist[]>(KEY) ?? [];
  const put = (next: Watchlist[]): void => void cache.setQueryData<Watchlist[]>(KEY, next);

  function choose(id: string | null): void {
    save(CHOSEN, id);
    setChosen(id);
  }

  function edit(change: Partial<Pick<Watchlist, "name" | "symbols">>): void {
    const { id } = current;
    void cache.cancelQueries({ queryKey: KEY });
    put(now().map((list) => (list.id === id ? { ...list, ...change } : list)));
    store.mutate(async () => {
      // The first change of somebody without a list makes it; a second one that waited for that finds it here.
      const stored = id ?? now()[0]?.id ?? null;
      const body = { ...change, ...(change.symbols ? { symbols: [...change.symbols] } : {}) };
      if (stored !== null) return data(changeWatchlist({ path: { watchlist_id: stored }, body: body as { name?: string; symbols?: string[] } }));
      const made = await data(addWatchlist({ body: { name: change.name ?? current.name, symbols: [...(change.symbols ?? current.symbols)] } }));
      put(now().map((list) => (list.id === null ? { ...list, id: made.id } : list)));
      return made;
    });
  }

  function change(sort: (symbols: readonly string[]) => readonly string[]): void {
    const list = now().find(({ id }) => id === current.id);
    if (list) edit({ symbols: [...new Set(sort(list.symbols))] });
  }

  function create(name: string): void {
    store.mutate(async () => {
      const made = await data(addWatchlist({ body: { name: freeName(name, now()), symbols: [] } }));
      put([...now().filter(({ id }) => id !== null), { id: made.id, name: made.name, symbols: made.symbols }]);
      choose(made.id);
    });
  }

  function remove(): void {
    const { id } = current;
    if (id === null) return;
    const left = now().filter((list) => list.id !== id);
    put(left.length > 0 ? left : [FIRST]);
    store.mutate(() => data(removeWatchlist({ path: { watchlist_id: id } })));
  }

  return {
    lists, current, list: current.symbols, pending: query.isPending, error: query.error ?? store.error, retry: () => void query.refetch(),
    change, choose, create, remove, rename: (name: string) => edit({ name }),
  };
}
