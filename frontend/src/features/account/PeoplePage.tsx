import { useInfiniteQuery, useMutation, useQueryClient } from "@tanstack/react-query";
import { useDeferredValue, useState } from "react";

import { data } from "@/api/client";
import { type AdministeredUser, disableUser, enableUser, forcePasswordReset, listUsers } from "@/api/generated";
import { useSession } from "@/session/session";
import { day } from "@/shared/format/time";
import { Field } from "@/shared/ui/Field";
import { Empty, Failure, Loading } from "@/shared/ui/states";

const ACTIONS = { disable: disableUser, enable: enableUser, reset: forcePasswordReset };

/** Everybody who has an account here, for administrators. */
export default function PeoplePage() {
  const cache = useQueryClient();
  const session = useSession();
  const me = session.status === "signed-in" ? session.session.user.id : "";
  const [search, setSearch] = useState("");
  const wanted = useDeferredValue(search.trim());
  const list = useInfiniteQuery({
    queryKey: ["people", wanted],
    queryFn: ({ pageParam }) => data(listUsers({ query: { limit: 50, cursor: pageParam, q: wanted || null } })),
    initialPageParam: null as string | null,
    getNextPageParam: (page) => page.next,
  });
  const act = useMutation({
    mutationFn: ({ user, action }: { user: string; action: keyof typeof ACTIONS }) => data<unknown>(ACTIONS[action]({ path: { user_id: user } })),
    onSuccess: () => cache.invalidateQueries({ queryKey: ["people"] }),
  });
  const people = list.data?.pages.flatMap((page) => page.items) ?? [];
  const failed = list.error ?? act.error;
  return (
    <section className="panel stack" aria-labelledby="people">
      <h2 id="people">People</h2>
      <Field label="Search by e-mail address" type="search" value={search} onChange={(event) => setSearch(event.target.value)} />
      {list.isPending && <Loading />}
      {failed && <Failure error={failed} retry={() => void list.refetch()} />}
      {list.isSuccess && people.length === 0 && <Empty>Nobody is called that.</Empty>}
      {people.length > 0 && (
        <div className="scroll-x" tabIndex={0} role="group" aria-label="Users">
          <table>
            <thead><tr><th scope="col">E-mail</th><th scope="col">Name</th><th scope="col">Role</th><th scope="col">Since</th><th scope="col">State</th><th scope="col"><span className="sr">Actions</span></th></tr></thead>
            <tbody>
              {people.map((user) => (
                <tr key={user.id}>
                  <td>{user.email}</td><td>{user.full_name ?? "–"}</td><td>{user.role}</td><td>{day(user.created_at)}</td>
                  <td><span className={`tag ${user.disabled_at ? "bad" : "good"}`}>{user.disabled_at ? "disabled" : "may sign in"}</span></td>
                  <td>{user.id === me ? <span className="muted">you</span> : <Actions user={user} busy={act.isPending} act={(action) => act.mutate({ user: user.id, action })} />}</td>
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      )}
      {list.hasNextPage && <div><button type="button" className="button" onClick={() => void list.fetchNextPage()}>Show more</button></div>}
    </section>
  );
}

interface ActionsProps {
  user: AdministeredUser;
  busy: boolean;
  act: (action: keyof typeof ACTIONS) => void;
}

function Actions({ user, busy, act }: ActionsProps) {
  return (
    <span className="row">
      {user.disabled_at
        ? <button type="button" className="button" disabled={busy} onClick={() => act("enable")}>Enable</button>
        : <button type="button" className="button" disabled={busy} onClick={() => act("disable")}>Disable</button>}
      <button type="button" className="button" disabled={busy} onClick={() => act("reset")}>Force a new password</button>
    </span>
  );
}
