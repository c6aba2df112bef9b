import { useInfiniteQuery, useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";

import { data } from "@/api/client";
import { type DeliveryView, getWebhookDelivery, listWebhookDeliveries, replayWebhookDelivery } from "@/api/generated";
import { moment } from "@/shared/format/time";
import { Empty, Failure, Loading } from "@/shared/ui/states";

import { kindName } from "./kinds";

const LOOKS: Record<DeliveryView["state"], string> = { waiting: "wait", delivered: "good", failed: "bad" };
/** A message on its way changes by itself. */
const WAITING_MS = 3_000;

/** Every message to one webhook, newest first; each can be looked into, and sent again. */
export function Deliveries({ webhook }: { webhook: string }) {
  const cache = useQueryClient();
  const [open, setOpen] = useState<string | null>(null);
  const log = useInfiniteQuery({
    queryKey: ["webhooks", webhook, "deliveries"],
    queryFn: ({ pageParam }) => data(listWebhookDeliveries({ path: { webhook_id: webhook }, query: { cursor: pageParam, limit: 20 } })),
    initialPageParam: null as string | null,
    getNextPageParam: (page) => page.next,
    refetchInterval: (query) => (query.state.data?.pages.some((page) => page.items.some(({ state }) => state === "waiting")) ? WAITING_MS : false),
  });
  const replay = useMutation({
    mutationFn: (id: string) => data(replayWebhookDelivery({ path: { webhook_id: webhook, delivery_id: id } })),
    onSettled: () => cache.invalidateQueries({ queryKey: ["webhooks", webhook] }),
  });
  const rows = log.data?.pages.flatMap((page) => page.items) ?? [];
  const failed = log.error ?? replay.error;
  return (
    <div className="stack">
      {log.isPending && <Loading />}
      {failed && <Failure error={failed} retry={() => void log.refetch()} />}
      {log.isSuccess && rows.length === 0 && <Empty>Nothing has been sent yet. Send a test.</Empty>}
      {rows.length > 0 && (
        <div className="scroll-x" tabIndex={0} role="group" aria-label="Deliveries">
          <table>
            <thead><tr><th scope="col">When</th><th scope="col">Event</th><th scope="col">State</th><th scope="col" className="num">Tries</th><th scope="col">Last answer</th><th scope="col"><span className="sr">Actions</span></th></tr></thead>
            <tbody>
              {rows.map((each) => (
                <Row key={each.id} of={each} webhook={webhook} open={open === each.id} toggle={() => setOpen(open === each.id ? null : each.id)} replay={() => replay.mutate(each.id)} busy={replay.isPending} />
              ))}
            </tbody>
          </table>
        </div>
      )}
      {log.hasNextPage && <div><button type="button" className="button" onClick={() => void log.fetchNextPage()}>Show older</button></div>}
    </div>
  );
}

interface RowProps {
  of: DeliveryView;
  webhook: string;
  open: boolean;
  busy: boolean;
  toggle: () => void;
  replay: () => void;
}

function Row({ of, webhook, open, busy, toggle, replay }: RowProps) {
  return (
    <>
      <tr>
        <td>{moment(of.created_at)}</td>
        <td>{kindName(of.kind)}{of.replay_of && <span className="muted"> again</span>}</td>
        <td><span className={`tag ${LOOKS[of.state]}`}>{of.state}</span></td>
        <td className="num">{of.attempts}</td>
        <td>{of.last_error?.replaceAll("_", " ") ?? of.last_status ?? "–"}{of.next_attempt_at && of.attempts > 0 && <span className="muted">, again {moment(of.next_attempt_at)}</span>}</td>
        <td className="row">
          <button type="button" className="button" aria-expanded={open} onClick={toggle}>Tries</button>
          <button type="button" className="button" disabled={busy} onClick={replay}>Replay</button>
        </td>
      </tr>
      {open && <tr><td colSpan={6}><Attempts webhook={webhook} delivery={of.id} /></td></tr>}
    </>
  );
}

function Attempts({ webhook, delivery }: { webhook: string; delivery: string }) {
  const details = useQuery({
    queryKey: ["webhooks", webhook, "deliveries", delivery],
    queryFn: () => data(getWebhookDelivery({ path: { webhook_id: webhook, delivery_id: delivery } })),
  });
  if (details.isPending) return <Loading lines={1} />;
  if (details.isError) return <Failure error={details.error} retry={() => void details.refetch()} />;
  const { attempts, delivery: of } = details.data;
  return (
    <ol className="attempts">
      {attempts.map((attempt, i) => <li key={i}><span className="muted">{moment(attempt.at)}</span> {attempt.error?.replaceAll("_", " ") ?? attempt.status} <span className="muted">in {attempt.milliseconds} ms</span></li>)}
      {attempts.length === 0 && <li>Not tried yet.</li>}
      <li className="muted">Breezeway-Event {of.event_id}</li>
    </ol>
  );
}
