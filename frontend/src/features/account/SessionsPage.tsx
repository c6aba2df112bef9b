import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";

import { data } from "@/api/client";
import { endSession, listSessions, logOutEverywhere } from "@/api/generated";
import { sessions } from "@/session/session";
import { moment } from "@/shared/format/time";
import { Failure, Loading } from "@/shared/ui/states";

import { browserName } from "./browserName";

/** Where the user is signed in, and the way to end that. */
export default function SessionsPage() {
  const cache = useQueryClient();
  const list = useQuery({ queryKey: ["sessions"], queryFn: () => data(listSessions({ query: { limit: 100 } })) });
  const end = useMutation({
    mutationFn: (id: string) => data(endSession({ path: { session_id: id } })),
    onSuccess: () => cache.invalidateQueries({ queryKey: ["sessions"] }),
  });
  const endAll = useMutation({ mutationFn: () => data(logOutEverywhere()), onSuccess: () => sessions.signOut() });
  const failed = list.error ?? end.error ?? endAll.error;
  return (
    <section className="panel stack" aria-labelledby="sessions">
      <h2 id="sessions">Sessions</h2>
      <p className="muted">Ending one shuts that browser out within two seconds.</p>
      {list.isPending && <Loading />}
      {failed && <Failure error={failed} retry={() => void list.refetch()} />}
      {list.isSuccess && (
        <>
          <div className="scroll-x" tabIndex={0} role="group" aria-label="Sessions">
            <table>
              <thead><tr><th scope="col">Browser</th><th scope="col">Address</th><th scope="col">Last used</th><th scope="col">Ends</th><th scope="col"><span className="sr">Actions</span></th></tr></thead>
              <tbody>
                {list.data.items.map((one) => (
                  <tr key={one.id}>
                    <td>{browserName(one.user_agent)}</td><td>{one.ip ?? "–"}</td><td>{moment(one.last_used_at)}</td><td>{moment(one.expires_at)}</td>
                    <td>{one.current ? <span className="tag good">this one</span> : <button type="button" className="button" disabled={end.isPending} onClick={() => end.mutate(one.id)}>End</button>}</td>
                  </tr>
                ))}
              </tbody>
            </table>
          </div>
          <div><button type="button" className="button" disabled={endAll.isPending} onClick={() => endAll.mutate()}>Sign out everywhere</button></div>
        </>
      )}
    </section>
  );
}
