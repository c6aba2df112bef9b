import { useQuery, useQueryClient } from "@tanstack/react-query";
import { useEffect } from "react";
import { Link } from "react-router";

import { data } from "@/api/client";
import { type BackfillView, listBackfills } from "@/api/generated";
import { onMessage } from "@/realtime/stream";
import { integer } from "@/shared/format/numbers";
import { clock, duration, moment } from "@/shared/format/time";
import { Empty } from "@/shared/ui/states";

import { Panel } from "./Panel";

const KEY = ["jobs"];
const LOOKS: Record<string, string> = { done: "good", failed: "bad", cancelled: "bad" };

function took({ started_at: from, finished_at: to }: BackfillView): string {
  return from ? duration(((to ? Date.parse(to) : Date.now()) - Date.parse(from)) / 1000) : "–";
}

/** The tasks behind the user's backfills: how far, at what cost, and what went wrong. */
export function Jobs() {
  const cache = useQueryClient();
  const jobs = useQuery({ queryKey: KEY, queryFn: () => data(listBackfills({ query: { limit: 20 } })), refetchInterval: 10_000 });
  useEffect(() => onMessage("backfill", () => void cache.invalidateQueries({ queryKey: KEY })), [cache]);
  return (
    <Panel title="Jobs" query={jobs}>
      {({ items }) => items.length === 0 ? <Empty action={<Link className="button" to="/data">Start a backfill</Link>}>No job has run yet.</Empty> : (
        <table>
          <thead><tr><th scope="col">Requested</th><th scope="col">Job</th><th scope="col">State</th><th scope="col">Tasks</th><th scope="col" className="num">Failed</th><th scope="col" className="num">Broker calls</th><th scope="col" className="num">Bars</th><th scope="col" className="num">Took</th><th scope="col">Last error</th></tr></thead>
          <tbody>
            {items.map((job) => (
              <tr key={job.id}>
                <td title={moment(job.created_at)}>{clock(job.created_at)}</td>
                <td title={job.symbols.join(", ")}>{job.interval} of {job.symbols[0]}{job.symbols.length > 1 ? ` and ${job.symbols.length - 1} more` : ""}</td>
                <td><span className={`tag ${LOOKS[job.state] ?? "wait"}`}>{job.state}</span></td>
                <td><progress value={job.chunks_done} max={Math.max(1, job.chunks_total)} aria-label={`Tasks of ${job.symbols[0]}`} /> {job.chunks_done} of {job.chunks_total}</td>
                <td className="num">{integer(job.chunks_failed)}</td><td className="num">{integer(job.calls_used)}</td><td className="num">{integer(job.candles_written)}</td>
                <td className="num">{took(job)}</td><td>{job.errors?.at(-1)?.detail ?? "none"}</td>
              </tr>
            ))}
          </tbody>
        </table>
      )}
    </Panel>
  );
}
