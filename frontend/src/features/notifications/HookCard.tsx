import { useInfiniteQuery, useMutation, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { Link } from "react-router";

import { data } from "@/api/client";
import { deleteHook, type HookCallView, type HookView, listHookCalls, replaceHookSecret, switchHook } from "@/api/generated";
import { moment } from "@/shared/format/time";
import { CopyButton } from "@/shared/ui/CopyButton";
import { Empty, Failure, Loading } from "@/shared/ui/states";

export function HookCard({ hook, account, showSecret }: { hook: HookView; account: string; showSecret: (secret: string) => void }) {
  const cache = useQueryClient();
  const [log, setLog] = useState(false);
  const path = { hook_id: hook.id };
  const address = location.origin + hook.path;
  const onSettled = (): Promise<void> => cache.invalidateQueries({ queryKey: ["hooks"] });
  // The list alone: what is gone has no log to ask for.
  const gone = (): Promise<void> => cache.invalidateQueries({ queryKey: ["hooks"], exact: true });
  const turn = useMutation({ mutationFn: (active: boolean) => data(switchHook({ path, body: { active } })), onSettled });
  const renew = useMutation({ mutationFn: () => data(replaceHookSecret({ path })), onSuccess: ({ secret }) => showSecret(secret) });
  const remove = useMutation({ mutationFn: () => data(deleteHook({ path })), onSuccess: gone });
  const failed = turn.error ?? renew.error ?? remove.error;
  return (
    <article className="panel stack" aria-label={`Hook ${hook.name}`}>
      <div className="row">
        <b className="grow">{hook.name} <span className="muted">into {account}</span></b>
        <span className={`tag ${hook.active ? "good" : "bad"}`}>{hook.active ? "on" : "off"}</span>
      </div>
      <p className="row"><code className="address grow">{address}</code><CopyButton text={address} /></p>
      {failed && <Failure error={failed} />}
      <div className="row">
        <button type="button" className="button" aria-expanded={log} onClick={() => setLog(!log)}>What came in</button>
        <button type="button" className="button" disabled={turn.isPending} onClick={() => turn.mutate(!hook.active)}>{hook.active ? "Switch off" : "Switch on"}</button>
        <button type="button" className="button" disabled={renew.isPending} onClick={() => renew.mutate()}>New secret</button>
        <button type="button" className="button" disabled={remove.isPending} onClick={() => remove.mutate()}>Delete</button>
      </div>
      {log && <Calls hook={hook.id} />}
    </article>
  );
}

const LOOKS: Record<HookCallView["state"], string> = { received: "wait", placed: "good", refused: "bad" };

function Calls({ hook }: { hook: string }) {
  const log = useInfiniteQuery({
    queryKey: ["hooks", hook, "calls"],
    queryFn: ({ pageParam }) => data(listHookCalls({ path: { hook_id: hook }, query: { cursor: pageParam, limit: 20 } })),
    initialPageParam: null as string | null,
    getNextPageParam: (page) => page.next,
  });
  const rows = log.data?.pages.flatMap((page) => page.items) ?? [];
  return (
    <div className="stack">
      {log.isPending && <Loading />}
      {log.isError && <Failure error={log.error} retry={() => void log.refetch()} />}
      {log.isSuccess && rows.length === 0 && <Empty>Nothing has come in with the right secret.</Empty>}
      {rows.length > 0 && (
        <div className="scroll-x" tabIndex={0} role="group" aria-label="What came in">
          <table>
            <thead><tr><th scope="col">When</th><th scope="col">State</th><th scope="col">What became of it</th><th scope="col">Body</th></tr></thead>
            <tbody>
              {rows.map((call) => (
                <tr key={call.id}>
                  <td>{moment(call.received_at)}</td>
                  <td><span className={`tag ${LOOKS[call.state]}`}>{call.state}</span></td>
                  <td>{call.order_id ? <Link to="/orders">Order</Link> : (call.detail ?? call.code ?? "Nobody knows; look at the orders.")}</td>
                  <td><code>{JSON.stringify(call.body)}</code></td>
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      )}
      {log.hasNextPage && <div><button type="button" className="button" onClick={() => void log.fetchNextPage()}>Show older</button></div>}
    </div>
  );
}
