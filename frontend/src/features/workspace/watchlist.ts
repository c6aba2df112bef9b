import { useSyncExternalStore } from "react";

import { load, save } from "@/shared/storage/json";

/** Kept in this browser until the server keeps watchlists; one list a user. */
const FIRST = ["NSE:RELIANCE", "NSE:INFY", "NSE_INDEX:NIFTY"];
const lists = new Map<string, readonly string[]>();
const listeners = new Set<() => void>();

function read(user: string): readonly string[] {
  const known = lists.get(user);
  if (known) return known;
  const stored = load(`breezeway.watchlist.${user}`);
  const list = Array.isArray(stored) ? stored.filter((item): item is string => typeof item === "string") : FIRST;
  lists.set(user, list);
  return list;
}

export function changeWatchlist(user: string, change: (list: readonly string[]) => readonly string[]): void {
  const next = [...new Set(change(read(user)))];
  lists.set(user, next);
  save(`breezeway.watchlist.${user}`, next);
  for (const listener of listeners) listener();
}

/** `list` with the entry at `from` moved to `to`; unchanged when either is outside. */
export function moved(list: readonly string[], from: number, to: number): readonly string[] {
  const item = list[from];
  if (item === undefined || to < 0 || to >= list.length) return list;
  const rest = list.filter((_, i) => i !== from);
  return [...rest.slice(0, to), item, ...rest.slice(to)];
}

export function useWatchlist(user: string): readonly string[] {
  return useSyncExternalStore(
    (listener) => {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    () => read(user),
  );
}
