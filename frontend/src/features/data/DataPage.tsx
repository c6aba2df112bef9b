import { useInfiniteQuery, useQueryClient } from "@tanstack/react-query";
import { useEffect, useState } from "react";

import { data } from "@/api/client";
import { listBackfills } from "@/api/generated";
import { onMessage } from "@/realtime/stream";
import { Empty, Failure, Loading } from "@/shared/ui/states";

import { BackfillCard } from "./BackfillCard";
import { BackfillForm } from "./BackfillForm";
import { Coverage } from "./Coverage";
import "./data.css";

const BUSY = new Set(["queued", "planning", "running"]);

/** Fetching history, and what there is of it. */
export default function DataPage() {
  const cache = useQueryClient();
  const [symbol, setSymbol] = useState("NSE:RELIANCE");
  const jobs = useInfiniteQuery({
    queryKey: ["backfills"],
    queryFn: ({ pageParam }) => data(listBackfills({ query: { limit: 10, cursor: pageParam } })),
    initialPageParam: null as string | null,
    getNextPageParam: (page) => page.next,
    refetchInterval: (query) => (query.state.data?.pages.some((page) => page.items.some((job) => BUSY.has(job.state))) ? 1_500 : false),
  });
  useEffect(
    () =>
      onMessage("backfill", () => {
        void cache.invalidateQueries({ queryKey: ["backfills"] });
        void cache.invalidateQueries({ queryKey: ["coverage"] });
      }),
    [cache],
  );
  const items = jobs.data?.pages.flatMap((page) => page.items) ?? [];
  return (
    <div className="page">
      <h1>Data</h1>
      <div className="datagrid">
        <BackfillForm symbol={symbol} started={() => void cache.invalidateQueries({ queryKey: ["backfills"] })} />
        <section className="stack" aria-label="Backfills">
          <h2>Backfills</h2>
          {jobs.isPending && <Loading />}
          {jobs.isError && <Failure error={jobs.error} retry={() => void jobs.refetch()} />}
          {jobs.isSuccess && items.length === 0 && <Empty>No history was fetched yet. Choose instruments and days, and start the first backfill.</Empty>}
          {items.map((job) => <BackfillCard key={job.id} job={job} show={setSymbol} />)}
          {jobs.hasNextPage && <div><button type="button" className="button" onClick={() => void jobs.fetchNextPage()}>Older backfills</button></div>}
        </section>
      </div>
      <Coverage symbol={symbol} setSymbol={setSymbol} />
    </div>
  );
}
