import { useQuery } from "@tanstack/react-query";
import { useEffect, useRef, useState } from "react";

import { data } from "@/api/client";
import { getInstrument, readCandles } from "@/api/generated";
import { onMessage, useChannels } from "@/realtime/stream";
import { compact, decimalsOf, price } from "@/shared/format/numbers";
import { load, save } from "@/shared/storage/json";
import { Failure } from "@/shared/ui/states";
import { useIsDark } from "@/shared/ui/theme";

import { barsOf } from "./bars";
import { ChartHandle } from "./chartHandle";
import type { Study } from "./indicators";
import { INTERVALS, STREAMED, Toolbar } from "./Toolbar";

const PAGE = 1500;
const SETTINGS = "breezeway.chart";

interface Settings {
  interval: string;
  studies: Study[];
}

function settings(): Settings {
  const stored = load(SETTINGS) as Partial<Settings> | null;
  const interval = INTERVALS.find((known) => known === stored?.interval) ?? "15m";
  return { interval, studies: Array.isArray(stored?.studies) ? stored.studies : [] };
}

/** Candles, volume and studies of one instrument, live at the right and going on to the left. */
export default function ChartPanel({ symbol }: { symbol: string }) {
  const [{ interval, studies }, setSettings] = useState(settings);
  const host = useRef<HTMLDivElement>(null);
  const legend = useRef<HTMLDivElement>(null);
  const handle = useRef<ChartHandle | null>(null);
  const older = useRef<() => void>(() => undefined);
  const decimals = useRef(2);
  const dark = useIsDark();

  const instrument = useQuery({ queryKey: ["instrument", symbol], queryFn: () => data(getInstrument({ path: { symbol } })), staleTime: 600_000 });
  const history = useQuery({
    queryKey: ["candles", symbol, interval],
    queryFn: ({ signal }) => data(readCandles({ path: { symbol }, query: { interval, limit: PAGE }, signal })),
    staleTime: 0, gcTime: 0,
  });
  const channel = STREAMED.has(interval) ? `candle:${interval}:${symbol}` : null;
  useChannels(channel ? [channel] : []);

  useEffect(() => save(SETTINGS, { interval, studies }), [interval, studies]);

  useEffect(() => {
    if (!host.current) return undefined;
    const chart = new ChartHandle(host.current, {
      needOlder: () => older.current(),
      legend: (bar, values) => {
        if (!legend.current) return;
        const d = decimals.current;
        const own = bar ? `O ${price(bar.o, d)}  H ${price(bar.h, d)}  L ${price(bar.l, d)}  C ${price(bar.c, d)}  V ${compact(bar.v)}` : "";
        legend.current.textContent = [own, ...[...values].map(([name, value]) => `${name} ${price(value)}`)].join("   ");
      },
    });
    handle.current = chart;
    return () => {
      handle.current = null;
      chart.dispose();
    };
  }, []);

  const tick = instrument.data?.tick_size;
  useEffect(() => {
    decimals.current = decimalsOf(tick);
    handle.current?.setDecimals(decimals.current);
  }, [tick]);
  useEffect(() => handle.current?.theme(), [dark]);
  useEffect(() => handle.current?.setStudies(studies), [studies]);

  useEffect(() => {
    const chart = handle.current;
    if (!chart || !history.data) return undefined;
    chart.load(barsOf(history.data));
    let busy = false;
    let over = history.data.t.length === 0;
    let gone = false;
    older.current = () => {
      const first = chart.first();
      if (busy || over || !first) return;
      busy = true;
      data(readCandles({ path: { symbol }, query: { interval, to: String(first.t), limit: PAGE } }))
        .then((page) => {
          if (gone) return;
          over = page.t.length === 0;
          if (!over) chart.prepend(barsOf(page));
        })
        // Scrolling again asks again.
        .catch(() => undefined)
        .finally(() => (busy = false));
    };
    const stop = onMessage("candle", (message) => {
      if (message.symbol === symbol && message.interval === interval) chart.patch(message);
    });
    return () => {
      gone = true;
      older.current = () => undefined;
      stop();
    };
  }, [history.data, symbol, interval]);

  // After a gap the stored bars know more than the stream told.
  const { refetch } = history;
  useEffect(() => onMessage("gap", (gap) => void (gap.symbol === null || gap.symbol === symbol ? refetch() : undefined)), [symbol, refetch]);

  function screenshot(): void {
    const link = document.createElement("a");
    link.download = `${symbol.replace(":", "-")}-${interval}.png`;
    link.href = handle.current?.screenshot().toDataURL("image/png") ?? "";
    link.click();
  }

  const empty = history.isSuccess && history.data.t.length === 0;
  return (
    <section className="chart" aria-label={`Chart of ${symbol}`}>
      <Toolbar
        interval={interval} studies={studies} screenshot={screenshot}
        setInterval={(next) => setSettings({ interval: next, studies })}
        setStudies={(next) => setSettings({ interval, studies: next })}
      />
      <div className="legend num" ref={legend} />
      {history.isError && <Failure error={history.error} retry={() => void refetch()} />}
      {empty && <p className="notice">No {interval} history of {symbol} is stored yet. Fetch it on the Data page; live bars appear as they form.</p>}
      <div className="canvas" ref={host} role="group" aria-label={`${interval} candles of ${symbol}`} data-bars={history.data?.t.length ?? 0} />
    </section>
  );
}
