import { useMutation, useQueryClient } from "@tanstack/react-query";

import { data } from "@/api/client";
import { type BackfillView, cancelBackfill, pauseBackfill, resumeBackfill, retryBackfill } from "@/api/generated";
import { integer } from "@/shared/format/numbers";
import { day, duration } from "@/shared/format/time";
import { Failure } from "@/shared/ui/states";

const LOOK: Record<string, string> = { done: "good", failed: "bad", cancelled: "", paused: "wait", running: "wait", queued: "wait" };
const ACTIONS = { Pause: pauseBackfill, Resume: resumeBackfill, Cancel: cancelBackfill, Retry: retryBackfill };
type Action = keyof typeof ACTIONS;

/** What can be done with a job in its present state. */
export function actionsFor({ state, chunks_failed }: Pick<BackfillView, "state" | "chunks_failed">): Action[] {
  if (state === "paused") return ["Resume", "Cancel"];
  if (state === "queued" || state === "planning" || state === "running") return ["Pause", "Cancel"];
  return chunks_failed > 0 || state === "failed" ? ["Retry"] : [];
}

export function BackfillCard({ job, show }: { job: BackfillView; show: (symbol: string) => void }) {
  const cache = useQueryClient();
  const act = useMutation({
    mutationFn: (action: Action) => data(ACTIONS[action]({ path: { backfill_id: job.id } })),
    onSettled: () => cache.invalidateQueries({ queryKey: ["backfills"] }),
  });
  const names = job.symbols.length > 3 ? `${job.symbols.slice(0, 3).join(", ")} and ${job.symbols.length - 3} more` : job.symbols.join(", ");
  const finished = job.finished_at !== null;
  return (
    <article className="panel stack job" aria-label={`Backfill of ${names}`}>
      <div className="row">
        <b className="grow">{names}</b>
        <span className={`tag ${LOOK[job.state] ?? ""}`}>{job.state}</span>
      </div>
      <progress value={job.chunks_done} max={Math.max(1, job.chunks_total)} aria-label="Progress" />
      <div className="row muted">
        <span>{job.interval}, {day(job.from)} to {day(job.to)}</span>
        <span>{integer(job.chunks_done)} of {integer(job.chunks_total)} parts</span>
        <span>{integer(job.candles_written)} bars written</span>
        <span>{integer(job.calls_used)} broker calls</span>
        {!finished && job.eta_seconds !== null && <span>about {duration(job.eta_seconds)} left</span>}
        {job.chunks_failed > 0 && <span className="down">{integer(job.chunks_failed)} failed</span>}
      </div>
      {(job.errors ?? []).slice(0, 3).map((error) => <p key={`${error.symbol}${error.from}`} className="warn">{error.symbol}: {error.detail}</p>)}
      {act.isError && <Failure error={act.error} />}
      <div className="row">
        {actionsFor(job).map((action) => (
          <button key={action} type="button" className="button" disabled={act.isPending} onClick={() => act.mutate(action)}>{action}</button>
        ))}
        {finished && job.symbols[0] && <button type="button" className="button quiet" onClick={() => show(job.symbols[0] ?? "")}>Show coverage</button>}
      </div>
    </article>
  );
}
