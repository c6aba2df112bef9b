import { useQuery, useQueryClient } from "@tanstack/react-query";

import { data } from "@/api/client";
import { listBrokerAccounts } from "@/api/generated";
import { Failure, Loading } from "@/shared/ui/states";

import { AccountCard } from "./AccountCard";
import { AddAccount } from "./AddAccount";

/** The user's Breeze accounts: add one, log in at the broker, see how long the session lasts. */
export function BrokerPage() {
  const cache = useQueryClient();
  const accounts = useQuery({
    queryKey: ["broker-accounts"],
    queryFn: () => data(listBrokerAccounts({ query: { limit: 100 } })),
  });
  const items = accounts.data?.items ?? [];
  return (
    <div className="page">
      <h1>Connect Breeze</h1>
      <p className="muted">
        Prices and history come through your own ICICI Direct account. Breezeway keeps the keys encrypted and never shows a secret again.
      </p>
      {accounts.isPending && <Loading />}
      {accounts.isError && <Failure error={accounts.error} retry={() => void accounts.refetch()} />}
      {items.map((account) => <AccountCard key={account.id} account={account} />)}
      {accounts.isSuccess && (
        <AddAccount first={items.length === 0} added={() => void cache.invalidateQueries({ queryKey: ["broker-accounts"] })} />
      )}
    </div>
  );
}
