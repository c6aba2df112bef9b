import { useInfiniteQuery, useMutation, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { Link } from "react-router";

import { data } from "@/api/client";
import { deleteNotification, listNotifications, type NotificationView, readAllNotifications, readNotification } from "@/api/generated";
import { moment } from "@/shared/format/time";
import { Empty, Failure, Loading } from "@/shared/ui/states";

import { KINDS, kindName, placeOf } from "./kinds";

const LOOKS: Record<string, string> = { info: "", warning: "wait", critical: "bad" };

/** Everything that the user was told, newest first. */
export default function InboxPage() {
  const cache = useQueryClient();
  const [unread, setUnread] = useState(false);
  const [kind, setKind] = useState("");
  const inbox = useInfiniteQuery({
    queryKey: ["notifications", "inbox", unread, kind],
    queryFn: ({ pageParam }) => data(listNotifications({ query: { unread, kind: kind || null, cursor: pageParam, limit: 50 } })),
    initialPageParam: null as string | null,
    getNextPageParam: (page) => page.next,
  });
  const onSuccess = (): Promise<void> => cache.invalidateQueries({ queryKey: ["notifications"] });
  const read = useMutation({ mutationFn: (id: string) => data(readNotification({ path: { notification_id: id } })), onSuccess });
  const remove = useMutation({ mutationFn: (id: string) => data(deleteNotification({ path: { notification_id: id } })), onSuccess });
  const rows = inbox.data?.pages.flatMap((page) => page.items) ?? [];
  const waiting = inbox.data?.pages[0]?.unread ?? 0;
  // Up to the newest that is on the screen: one that comes at this moment has not been seen.
  const readAll = useMutation({ mutationFn: () => data(readAllNotifications({ body: { until: unread || kind ? null : (rows[0]?.id ?? null) } })), onSuccess });
  const failed = inbox.error ?? read.error ?? remove.error ?? readAll.error;
  return (
    <section className="stack" aria-label="Inbox">
      <div className="row">
        <button type="button" className="button" aria-pressed={!unread} onClick={() => setUnread(false)}>All</button>
        <button type="button" className="button" aria-pressed={unread} onClick={() => setUnread(true)}>Unread{waiting > 0 ? ` (${waiting})` : ""}</button>
        <label className="field"><span className="sr">Kind</span>
          <select value={kind} onChange={(event) => setKind(event.target.value)}>
            <option value="">Of every kind</option>
            {Object.entries(KINDS).filter(([id]) => id !== "webhook.test").map(([id, name]) => <option key={id} value={id}>{name}</option>)}
          </select>
        </label>
        <span className="grow" />
        {waiting > 0 && <button type="button" className="button" disabled={readAll.isPending} onClick={() => readAll.mutate()}>Mark all as read</button>}
      </div>
      {failed && <Failure error={failed} retry={() => void inbox.refetch()} />}
      {inbox.isPending && <Loading lines={6} />}
      {inbox.isSuccess && rows.length === 0 && (
        unread || kind
          ? <Empty action={<button type="button" className="button" onClick={() => { setUnread(false); setKind(""); }}>Show all</button>}>Nothing of that is here.</Empty>
          : <Empty action={<Link className="button" to="/notifications/alerts">Set an alert</Link>}>Nothing has happened yet. Fills, alerts, feed and session troubles will be told here.</Empty>
      )}
      {rows.length > 0 && (
        <ul className="inbox">
          {rows.map((each) => <Line key={each.id} of={each} read={() => read.mutate(each.id)} remove={() => remove.mutate(each.id)} />)}
        </ul>
      )}
      {inbox.hasNextPage && <div><button type="button" className="button" disabled={inbox.isFetchingNextPage} onClick={() => void inbox.fetchNextPage()}>Show older</button></div>}
    </section>
  );
}

function Line({ of, read, remove }: { of: NotificationView; read: () => void; remove: () => void }) {
  const place = placeOf(of.kind, of.data);
  const fresh = of.read_at === null || of.read_at === undefined;
  return (
    <li data-unread={fresh || undefined}>
      <div className="grow">
        <div className="row">
          <span className={`tag ${LOOKS[of.severity] ?? ""}`}>{kindName(of.kind)}</span>
          <time className="muted" dateTime={of.at}>{moment(of.at)}</time>
          {fresh && <span className="sr">unread</span>}
        </div>
        <p className="told">{place ? <Link to={place} onClick={() => fresh && read()}>{of.title}</Link> : of.title}</p>
        {of.text && <p className="muted">{of.text}</p>}
      </div>
      {fresh && <button type="button" className="button quiet" aria-label={`Mark as read: ${of.title}`} onClick={read}>Read</button>}
      <button type="button" className="button quiet icon" aria-label={`Delete: ${of.title}`} title="Delete" onClick={remove}>×</button>
    </li>
  );
}
