import { useQuery } from "@tanstack/react-query";
import { useSyncExternalStore } from "react";

import { data } from "@/api/client";
import { type AccountView, listTradingAccounts } from "@/api/generated";
import { load, save } from "@/shared/storage/json";

const CHOSEN = "breezeway.trading-account";
const listeners = new Set<() => void>();

function chosen(): string | null {
  const stored = load(CHOSEN);
  return typeof stored === "string" ? stored : null;
}

/** Trade with another of the user's accounts from now on. */
export function chooseAccount(id: string): void {
  save(CHOSEN, id);
  for (const listener of listeners) listener();
}

function subscribe(listener: () => void): () => void {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

/** The trading accounts, and the one that the pages are about: the chosen one, or the first that is play; never a live one unasked. */
export function useTradingAccount() {
  const wanted = useSyncExternalStore(subscribe, chosen);
  const list = useQuery({
    queryKey: ["trading-accounts"],
    queryFn: () => data(listTradingAccounts()),
    // Its figures follow the prices, which the stream does not tell.
    refetchInterval: 5_000,
  });
  const accounts: readonly AccountView[] = list.data?.items ?? [];
  return { list, accounts, account: accounts.find((each) => each.id === wanted) ?? accounts.find(({ kind }) => kind === "paper") ?? accounts[0] ?? null };
}
