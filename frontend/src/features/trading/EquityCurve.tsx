import { useQuery } from "@tanstack/react-query";
import { useEffect, useMemo, useRef, useState } from "react";
import { Link } from "react-router";

import { data } from "@/api/client";
import { getPortfolioHistory, type HistoryView, readCandles } from "@/api/generated";
import { percent, rupees } from "@/shared/format/numbers";
import { day } from "@/shared/format/time";
import { Failure, Loading } from "@/shared/ui/states";
import { useIsDark } from "@/shared/ui/theme";

import { benchmarkOf, drawDown, movesOf, type Period, PERIODS } from "./equity";

const BENCHMARK = { symbol: "NSE_INDEX:NIFTY", name: "NIFTY 50" };
/** Far enough back for a close before the first point, over any row of holidays. */
const BEFORE_SECONDS = 14 * 86_400;
const MOST_DAYS = 2_500;

/** What the account was worth over time, beside an index, with what was paid in and out. */
export function EquityCurve({ account }: { account: string }) {
  const [period, setPeriod] = useState<Period>(PERIODS[0]);
  const host = useRef<HTMLDivElement>(null);
  const dark = useIsDark();
  const history = useQuery({
    queryKey: ["equity", account, period.name],
    queryFn: () => data(getPortfolioHistory({ path: { account_id: account }, query: { period: period.period, timeframe: period.timeframe } })),
    refetchInterval: 60_000,
  });
  const points = history.data;
  const first = points?.timestamp[0];
  const compared = period.name !== "1D" && first !== undefined;
  const since = Math.floor((first ?? 0) / 86_400) * 86_400 - BEFORE_SECONDS;
  const closes = useQuery({
    queryKey: ["benchmark", since],
    queryFn: () => data(readCandles({ path: { symbol: BENCHMARK.symbol }, query: { interval: "1d", from: String(since), limit: MOST_DAYS } })),
    enabled: compared, staleTime: 600_000,
  });
  const benchmark = useMemo(() => (points && compared ? benchmarkOf(points, closes.data) : null), [points, compared, closes.data]);
  const there = points !== undefined && points.timestamp.length > 0;
  useEffect(() => {
    const node = host.current;
    if (!node || !points || points.timestamp.length === 0) return undefined;
    let gone = false;
    let dispose: (() => void) | undefined;
    void import("./equityChart").then(({ drawEquity }) => {
      if (!gone) dispose = drawEquity(node, points, benchmark);
    });
    return () => {
      gone = true;
      dispose?.();
    };
  }, [points, benchmark, dark]);
  return (
    <section className="panel stack" aria-labelledby="equity">
      <div className="row">
        <h2 id="equity" className="grow">Equity</h2>
        <div className="row" role="group" aria-label="Period">
          {PERIODS.map((each) => <button key={each.name} type="button" className="button" aria-pressed={each === period} onClick={() => setPeriod(each)}>{each.name}</button>)}
        </div>
      </div>
      {history.isPending && <Loading />}
      {history.isError && <Failure error={history.error} retry={() => void history.refetch()} />}
      {points && !there && <p className="muted">The first point comes with the next valuation.</p>}
      {there && <Legend points={points} benchmark={benchmark} />}
      {compared && !closes.isPending && !benchmark && (
        <p className="muted">
          {closes.isError ? `The daily closes of ${BENCHMARK.name} could not be read` : `No daily close of ${BENCHMARK.name} as old as this curve is stored`}, so nothing is compared.{" "}
          {!closes.isError && <Link to="/data">Fetch {BENCHMARK.symbol} on the Data page</Link>}
        </p>
      )}
      <div ref={host} className="equity" hidden={!there} role="img" aria-label={there ? told(points, benchmark) : "No value yet"} />
      {there && <Moves points={points} />}
    </section>
  );
}

const growth = (values: readonly number[]): string => percent(((values.at(-1) ?? NaN) / (values[0] ?? NaN) - 1) * 100);
const deepest = (points: HistoryView): string => percent(Math.min(0, ...drawDown(points)));

function told(points: HistoryView, benchmark: readonly number[] | null): string {
  const besides = benchmark ? `, ${BENCHMARK.name} ${growth(benchmark)}` : "";
  return `From ${rupees(points.base_value)} to ${rupees(points.equity.at(-1) ?? "")}${besides}, deepest draw-down ${deepest(points)}`;
}

function Legend({ points, benchmark }: { points: HistoryView; benchmark: readonly number[] | null }) {
  return (
    <p className="legend-row">
      <span className="key equity-key">Equity</span>
      {benchmark && <span className="key benchmark-key">{BENCHMARK.name} {growth(benchmark)}, from the same start</span>}
      <span className="key down-key">Draw-down, deepest {deepest(points)}</span>
    </p>
  );
}

/** What the arrows of the chart mean, for who does not see them. */
function Moves({ points }: { points: HistoryView }) {
  const moves = movesOf(points);
  if (moves.length === 0) return null;
  return (
    <ul className="moves" aria-label="Paid in and out">
      {moves.map(({ time, amount }) => (
        <li key={time}>{day(time * 1000)}: {amount.startsWith("-") ? `▼ ${rupees(amount.slice(1))} paid out` : `▲ ${rupees(amount)} paid in`}</li>
      ))}
    </ul>
  );
}
