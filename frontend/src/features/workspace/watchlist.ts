import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";

import { data } from "@/api/client";
import { addWatchlist, changeWatchlist, listWatchlists } from "@/api/generated";

/** Shown to somebody who has no list yet; stored with their first change. */
const FIRST = ["NSE:RELIANCE", "NSE:INFY", "NSE_INDEX:NIFTY"];
const KEY = ["watchlist"];
const NAME = "Watchlist";

interface Watchlist {
  /** Null until the server has it. */
  id: string | null;
  symbols: readonly string[];
}

async function read(): Promise<Watchlist> {
  const { items } = await data(listWatchlists());
  const first = items[0];
  return first ? { id: first.id, symbols: first.symbols } : { id: null, symbols: FIRST };
}

/** `list` with the entry at `from` moved to `to`; unchanged when either is outside. */
export function moved(list: readonly string[], from: number, to: number): readonly string[] {
  const item = list[from];
  if (item === undefined || to < 0 || to >= list.length) return list;
  const rest = list.filter((_, i) => i !== from);
  return [...rest.slice(0, to), item, ...rest.slice(to)];
}

/** The user's first watchlist. A change shows at once, and is taken back with a word when the server refuses it. */
export function useWatchlist() {
  const cache = useQueryClient();
  const query = useQuery({ queryKey: KEY, queryFn: read, staleTime: 60_000 });
  const store = useMutation({
    // One after the other: the last change has to be the last that the server sees.
    scope: { id: "watchlist" },
    mutationFn: async (symbols: readonly string[]) => {
      const id = cache.getQueryData<Watchlist>(KEY)?.id ?? null;
      if (id !== null) {
        await data(changeWatchlist({ path: { watchlist_id: id }, body: { symbols: [...symbols] } }));
        return;
      }
      const made = await data(addWatchlist({ body: { name: NAME, symbols: [...symbols] } }));
      cache.setQueryData<Watchlist>(KEY, (now) => ({ id: made.id, symbols: now?.symbols ?? made.symbols }));
    },
    onError: () => cache.invalidateQueries({ queryKey: KEY }),
  });

  function change(edit: (list: readonly string[]) => readonly string[]): void {
    const now = cache.getQueryData<Watchlist>(KEY);
    if (!now) return;
    const symbols = [...new Set(edit(now.symbols))];
    void cache.cancelQueries({ queryKey: KEY });
    cache.setQueryData<Watchlist>(KEY, { id: now.id, symbols });
    store.mutate(symbols);
  }

  return { list: query.data?.symbols ?? [], pending: query.isPending, error: query.error ?? store.error, retry: () => void query.refetch(), change };
}
