import { useQuery } from "@tanstack/react-query";
import { useEffect, useRef, useState } from "react";

import { data } from "@/api/client";
import { getPortfolioHistory } from "@/api/generated";
import { price, rupees } from "@/shared/format/numbers";
import { Failure, Loading } from "@/shared/ui/states";
import { useIsDark } from "@/shared/ui/theme";

const PERIODS = [["1D", "5m"], ["1M", "1h"], ["3M", "1d"], ["1A", "1d"]] as const;
type Period = (typeof PERIODS)[number][0];

/** What the account was worth over time. */
export function EquityCurve({ account }: { account: string }) {
  const [period, setPeriod] = useState<Period>("1D");
  const timeframe = PERIODS.find(([name]) => name === period)?.[1] ?? "1d";
  const host = useRef<HTMLDivElement>(null);
  const dark = useIsDark();
  const history = useQuery({
    queryKey: ["equity", account, period],
    queryFn: () => data(getPortfolioHistory({ path: { account_id: account }, query: { period, timeframe } })),
    refetchInterval: 60_000,
  });
  const points = history.data;
  useEffect(() => {
    const node = host.current;
    if (!node || !points || points.timestamp.length === 0) return undefined;
    let gone = false;
    let dispose: (() => void) | undefined;
    void import("lightweight-charts").then(({ AreaSeries, createChart }) => {
      if (gone) return;
      const style = getComputedStyle(document.documentElement);
      const colour = (name: string): string => style.getPropertyValue(name).trim();
      const chart = createChart(node, {
        autoSize: true,
        layout: { background: { color: "transparent" }, textColor: colour("--muted"), attributionLogo: false },
        grid: { vertLines: { visible: false }, horzLines: { color: colour("--line") } },
        timeScale: { timeVisible: true },
        localization: { priceFormatter: (value: number) => price(value, 0) },
      });
      const series = chart.addSeries(AreaSeries, { lineColor: colour("--accent"), topColor: `${colour("--accent")}40`, bottomColor: `${colour("--accent")}00` });
      // Only here money becomes a float: a pixel needs no paisa.
      series.setData(points.timestamp.map((time, i) => ({ time: (time + IST_SECONDS) as never, value: Number(points.equity[i]) })));
      chart.timeScale().fitContent();
      dispose = () => chart.remove();
    });
    return () => {
      gone = true;
      dispose?.();
    };
  }, [points, dark]);
  return (
    <section className="panel stack" aria-labelledby="equity">
      <div className="row">
        <h2 id="equity" className="grow">Equity</h2>
        <div className="row" role="group" aria-label="Period">
          {PERIODS.map(([name]) => <button key={name} type="button" className="button" aria-pressed={name === period} onClick={() => setPeriod(name)}>{name === "1A" ? "1Y" : name}</button>)}
        </div>
      </div>
      {history.isPending && <Loading />}
      {history.isError && <Failure error={history.error} retry={() => void history.refetch()} />}
      {points && points.timestamp.length === 0 && <p className="muted">The first point comes with the next valuation.</p>}
      <div ref={host} className="equity" hidden={!points || points.timestamp.length === 0} role="img" aria-label={points?.equity.length ? `From ${rupees(points.base_value)} to ${rupees(points.equity.at(-1) ?? "0")}` : "No value yet"} />
    </section>
  );
}

/** The chart knows UTC only; shifted, its axis shows Indian time. */
const IST_SECONDS = 19_800;
