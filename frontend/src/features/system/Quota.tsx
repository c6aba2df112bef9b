import { useQuery } from "@tanstack/react-query";
import { Link } from "react-router";

import { data } from "@/api/client";
import { getBrokerSession, listBrokerAccounts } from "@/api/generated";
import { integer } from "@/shared/format/numbers";
import { moment } from "@/shared/format/time";
import { Empty } from "@/shared/ui/states";

import { Panel } from "./Panel";

const OFTEN = 5_000;

/** What the broker still allows each of the user's accounts. */
export function Quota() {
  const query = useQuery({
    queryKey: ["quota"],
    queryFn: async () => {
      const { items } = await data(listBrokerAccounts({ query: { limit: 100 } }));
      return Promise.all(items.map(async (account) => ({ account, session: await data(getBrokerSession({ path: { account_id: account.id } })) })));
    },
    refetchInterval: OFTEN,
  });
  return (
    <Panel title="Broker quota" query={query}>
      {(rows) => rows.length === 0 ? <Empty action={<Link className="button" to="/connect">Connect Breeze</Link>}>No broker account is connected.</Empty> : (
        <table>
          <thead><tr><th scope="col">Account</th><th scope="col">Session</th><th scope="col" className="num">Left this minute</th><th scope="col" className="num">Left today</th><th scope="col" className="num">Used today</th><th scope="col">Session ends</th></tr></thead>
          <tbody>
            {rows.map(({ account, session }) => (
              <tr key={account.id}>
                <th scope="row">{account.label}</th>
                <td><span className={`tag ${session.state === "active" ? "good" : "bad"}`}>{session.state}</span></td>
                <td className="num">{integer(session.calls_left_minute)}</td><td className="num">{integer(session.calls_left_today)}</td><td className="num">{integer(session.calls_used_today)}</td>
                <td>{moment(session.expires_at)}</td>
              </tr>
            ))}
          </tbody>
        </table>
      )}
    </Panel>
  );
}
