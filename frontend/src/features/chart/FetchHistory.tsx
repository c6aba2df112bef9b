import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { useEffect, useRef } from "react";
import { Link } from "react-router";

import { data } from "@/api/client";
import { type BackfillView, listBackfills, listBrokerAccounts, readMarketStatus, retryBackfill, startBackfill } from "@/api/generated";
import { onMessage } from "@/realtime/stream";
import { integer } from "@/shared/format/numbers";
import { duration } from "@/shared/format/time";
import { Failure } from "@/shared/ui/states";

import { historyPlan, isThin, jobFor, rangeOf } from "./historyPlan";

const EVERY_MS = 1_500;
/** Of the newest jobs; one that is not among them has ended long ago. */
const LOOK_AT = 20;
/** Codes that say that the broker has to be logged in to. */
const NO_SESSION = /session|unauthenticated|credentials/;

interface Props {
  symbol: string;
  interval: string;
  /** How many bars the chart has. */
  bars: number;
  /** Whether the chart is asking for its bars. */
  loading: boolean;
  /** More bars are stored now. */
  filled: () => void;
}

/** Where a chart has next to no bars: fetch them from here, see how far that is, and have the chart fill by itself. */
export function FetchHistory({ symbol, interval, bars, loading, filled }: Props) {
  const cache = useQueryClient();
  const plan = historyPlan(interval);
  const accounts = useQuery({ queryKey: ["broker-accounts"], queryFn: () => data(listBrokerAccounts({ query: { limit: 100 } })) });
  const jobs = useQuery({
    queryKey: ["backfills", "newest"],
    queryFn: () => data(listBackfills({ query: { limit: LOOK_AT } })),
    refetchInterval: (query) => (query.state.data?.items.some((job) => job.finished_at === null) ? EVERY_MS : false),
  });
  const start = useMutation({
    mutationFn: async () => {
      // The exchange's day, not this machine's: a simulator's may be long past.
      const { exchange_time: now } = await data(readMarketStatus());
      return data(startBackfill({ body: { symbols: [symbol], interval: plan.base, ...rangeOf(plan, now) } }));
    },
    onSettled: () => cache.invalidateQueries({ queryKey: ["backfills"] }),
  });
  const retry = useMutation({
    mutationFn: (id: string) => data(retryBackfill({ path: { backfill_id: id } })),
    onSettled: () => cache.invalidateQueries({ queryKey: ["backfills"] }),
  });
  useEffect(() => onMessage("backfill", () => void cache.invalidateQueries({ queryKey: ["backfills"] })), [cache]);

  const job = jobFor(jobs.data?.items ?? [], symbol, plan);
  const underWay = job !== null && job.finished_at === null;
  // Told once when a fetch ends that was seen under way, so that an old one does not load the chart again and again.
  const watched = useRef<string | null>(null);
  useEffect(() => {
    if (underWay) watched.current = job.id;
    else if (job !== null && (watched.current === job.id || start.data?.id === job.id)) {
      watched.current = null;
      start.reset();
      filled();
    }
  }, [job, underWay, filled, start]);

  if (!jobs.isSuccess || (!isThin(bars) && !underWay) || (job?.state === "done" && (bars > 0 || loading))) return null;
  const what = bars === 0 ? `No ${interval} history of ${symbol} is stored yet.` : `${symbol} has only ${integer(bars)} stored ${interval} ${bars === 1 ? "bar" : "bars"}.`;
  const failure = start.error ?? retry.error;
  return (
    <div className="notice fetch" role="group" aria-label="Fetch history">
      {underWay && <Progress job={job} />}
      {!underWay && accounts.data?.items.length === 0 && (
        <div className="row"><span>{what} History comes from the broker, and none is connected.</span><Link className="button primary" to="/connect">Connect Breeze</Link></div>
      )}
      {!underWay && accounts.data?.items.length !== 0 && (
        <div className="row">
          <span role="status">{job?.state === "done" ? `The broker has no ${interval} bars of ${symbol} in the last ${plan.said}.` : job?.state === "failed" ? `${integer(job.chunks_failed)} of ${integer(job.chunks_total)} parts of the history could not be fetched. ${job.errors?.[0]?.detail ?? ""}` : `${what} Live bars appear as they form.`}</span>
          {job?.state === "failed"
            ? <button type="button" className="button primary" disabled={retry.isPending} onClick={() => retry.mutate(job.id)}>Try again</button>
            : job?.state !== "done" && <button type="button" className="button primary" disabled={start.isPending} onClick={() => start.mutate()}>Fetch history ({plan.said})</button>}
          <Link className="button quiet" to="/data">Other ranges</Link>
        </div>
      )}
      {failure && <Failure error={failure} />}
    </div>
  );
}

function Progress({ job }: { job: BackfillView }) {
  const trouble = job.errors?.[0];
  const signedOut = trouble !== undefined && NO_SESSION.test(trouble.code);
  return (
    <>
      <div className="row">
        <span>{job.state === "paused" ? "Fetching history is paused" : "Fetching history"}</span>
        <progress value={job.chunks_done} max={Math.max(1, job.chunks_total)} aria-label="Progress of the history" />
        <span className="muted num" role="status">
          {integer(job.chunks_done)} of {integer(job.chunks_total)} parts{job.eta_seconds !== null && `, about ${duration(job.eta_seconds)} left`}
        </span>
        <Link className="button quiet" to="/data">Pause or cancel</Link>
      </div>
      {trouble && (
        <div className="row">
          <span className="warn" role="alert">{trouble.detail}{signedOut && " The fetch goes on by itself once you have logged in there."}</span>
          {signedOut && <Link className="button primary" to="/connect">Connect Breeze</Link>}
        </div>
      )}
    </>
  );
}
