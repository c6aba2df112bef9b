import { useInfiniteQuery } from "@tanstack/react-query";

import { data } from "@/api/client";
import { listAuditEvents } from "@/api/generated";
import { moment } from "@/shared/format/time";
import { Empty, Failure, Loading } from "@/shared/ui/states";

import { eventName } from "./eventName";

/** The user's own security events, newest first. */
export default function ActivityPage() {
  const events = useInfiniteQuery({
    queryKey: ["audit"],
    queryFn: ({ pageParam }) => data(listAuditEvents({ query: { limit: 50, cursor: pageParam } })),
    initialPageParam: null as string | null,
    getNextPageParam: (page) => page.next,
  });
  const rows = events.data?.pages.flatMap((page) => page.items) ?? [];
  return (
    <section className="panel stack" aria-labelledby="activity">
      <h2 id="activity">Activity</h2>
      <p className="muted">Everything that happened to your sign-ins, keys and broker accounts. Nobody can change this log without it showing.</p>
      {events.isPending && <Loading />}
      {events.isError && <Failure error={events.error} retry={() => void events.refetch()} />}
      {events.isSuccess && rows.length === 0 && <Empty>Nothing has happened yet.</Empty>}
      {rows.length > 0 && (
        <div className="scroll-x" tabIndex={0} role="group" aria-label="Security events">
          <table>
            <thead><tr><th scope="col">When</th><th scope="col">What</th><th scope="col">Address</th><th scope="col">Details</th></tr></thead>
            <tbody>
              {rows.map((event) => (
                <tr key={event.id}>
                  <td>{moment(event.at)}</td>
                  <td title={event.event}>{eventName(event.event)}</td>
                  <td>{event.ip ?? "–"}</td>
                  <td className="facts">{Object.entries(event.detail).map(([name, value]) => `${name.replaceAll("_", " ")}: ${value}`).join(", ")}</td>
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      )}
      {events.hasNextPage && (
        <div><button type="button" className="button" disabled={events.isFetchingNextPage} onClick={() => void events.fetchNextPage()}>Show older</button></div>
      )}
    </section>
  );
}
