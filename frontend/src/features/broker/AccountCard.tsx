import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { Link } from "react-router";

import { data } from "@/api/client";
import {
  type BrokerAccountView, closeBrokerSession, getBrokerLoginUrl, getBrokerSession, removeBrokerAccount,
} from "@/api/generated";
import { integer } from "@/shared/format/numbers";
import { duration, moment } from "@/shared/format/time";
import { Failure, Loading } from "@/shared/ui/states";

const LOOKS: Record<string, string> = { active: "good", connecting: "wait", disconnected: "", expired: "bad", rejected: "bad", revoked: "bad" };
const WORDS: Record<string, string> = {
  active: "Connected", connecting: "Connecting", disconnected: "Not connected", expired: "Expired", rejected: "Refused", revoked: "Ended",
};

/** One account with the state of today's broker session, and steps two and three: log in there, come back here. */
export function AccountCard({ account }: { account: BrokerAccountView }) {
  const cache = useQueryClient();
  const key = ["broker-session", account.id];
  const session = useQuery({
    queryKey: key,
    queryFn: () => data(getBrokerSession({ path: { account_id: account.id } })),
    // The login ends in another tab: look more often while it may happen.
    refetchInterval: (query) => (query.state.data?.state === "active" ? 30_000 : 2_000),
  });
  const login = useMutation({
    mutationFn: async () => {
      // Opened during the click, or the browser would take it for a pop-up that nobody asked for.
      const tab = window.open("about:blank", "_blank");
      try {
        const { url } = await data(getBrokerLoginUrl({ path: { account_id: account.id } }));
        if (tab) {
          tab.opener = null;
          tab.location.href = url;
        } else location.href = url;
      } catch (error) {
        tab?.close();
        throw error;
      }
    },
  });
  const refresh = (): Promise<void> => cache.invalidateQueries({ queryKey: key });
  const disconnect = useMutation({
    mutationFn: () => data(closeBrokerSession({ path: { account_id: account.id } })), onSuccess: refresh,
  });
  const remove = useMutation({
    mutationFn: () => data(removeBrokerAccount({ path: { account_id: account.id } })),
    onSuccess: () => cache.invalidateQueries({ queryKey: ["broker-accounts"] }),
  });
  const now = session.data;
  const active = now?.state === "active";
  const failed = login.error ?? disconnect.error ?? remove.error;
  return (
    <section className="panel stack" aria-label={account.label}>
      <div className="row">
        <h2 className="grow">{account.label} <span className="muted">{account.environment}</span></h2>
        {now && <span className={`tag ${LOOKS[now.state] ?? ""}`} role="status">{WORDS[now.state] ?? now.state}</span>}
      </div>
      {session.isPending && <Loading lines={2} />}
      {session.isError && <Failure error={session.error} retry={() => void session.refetch()} />}
      {failed && <Failure error={failed} />}
      {now && active && (
        <>
          <p>
            {now.user_name ?? "Connected"} until {moment(now.expires_at)}
            {now.expires_at && ` (${duration((Date.parse(now.expires_at) - session.dataUpdatedAt) / 1000)} left)`}.
            {" "}<span className="muted">Calls left: {integer(now.calls_left_minute)} this minute, {integer(now.calls_left_today)} today.</span>
          </p>
          <div className="row">
            <Link className="button primary" to="/">Open the workspace</Link>
            <button type="button" className="button" disabled={disconnect.isPending} onClick={() => disconnect.mutate()}>Disconnect</button>
          </div>
        </>
      )}
      {now && !active && (
        <>
          {now.detail && <p className="warn">{now.detail}</p>}
          <p>
            {now.state === "disconnected" ? "2. Log in at the broker. " : "A session lasts until midnight; log in again. "}
            A new tab opens; come back here when it says that you are connected.
          </p>
          <div className="row">
            <button type="button" className="button primary" disabled={login.isPending} onClick={() => login.mutate()}>Log in at the broker</button>
            <button type="button" className="button quiet" disabled={remove.isPending} onClick={() => remove.mutate()}>Remove account</button>
          </div>
        </>
      )}
    </section>
  );
}
