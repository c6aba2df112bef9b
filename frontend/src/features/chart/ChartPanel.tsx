import { useQuery, useQueryClient } from "@tanstack/react-query";
import { type KeyboardEvent, lazy, Suspense, useCallback, useEffect, useMemo, useRef, useState } from "react";

import { data } from "@/api/client";
import { getInstrument } from "@/api/generated";
import { decimalsOf } from "@/shared/format/numbers";
import { actOn } from "@/shared/keys/keys";
import { Failure } from "@/shared/ui/states";
import { useIsDark } from "@/shared/ui/theme";

import { ChartHandle } from "./chartHandle";
import "./chart.css";
import { useLayouts } from "./layout";
import { DrawingTools } from "./DrawingTools";
import { FetchHistory } from "./FetchHistory";
import { gapWords } from "./gaps";
import { Legend, type LegendHandle } from "./Legend";
import { LineDialog } from "./LineDialog";
import type { LineMove } from "./linePrices";
import type { MovableLine, OwnMarks } from "./MarkLayer";
import { NoteDialog } from "./NoteDialog";
import { Toolbar } from "./Toolbar";
import { useCompare } from "./useCompare";
import { useDrawings } from "./useDrawings";
import { useGaps } from "./useGaps";
import { useHistory } from "./useHistory";
import { useCatalogue, useStudies } from "./useStudies";

const SearchDialog = lazy(() => import("@/shared/search/SearchDialog").then((module) => ({ default: module.SearchDialog })));

interface Props {
  symbol: string;
  /** The same object until something in it changes. */
  own: OwnMarks;
}

/** Kinds of instruments that have open interest, whether or not a bar with it is stored yet. */
const CONTRACTS: ReadonlySet<string> = new Set(["future", "option", "currency"]);

interface Told {
  drawings: ReturnType<typeof useDrawings> | null;
  other: string | null;
}

/** Candles of one instrument, live at the right and going on to the left, with whatever the user put on them. */
export default function ChartPanel({ symbol, own }: Props) {
  const host = useRef<HTMLDivElement>(null);
  const handle = useRef<ChartHandle | null>(null);
  const legend = useRef<LegendHandle>(null);
  const older = useRef<() => void>(() => undefined);
  // The chart is made once; what it tells has to reach the functions of the present render.
  const told = useRef<Told>({ drawings: null, other: null });
  const layouts = useLayouts();
  const { interval, studies, interest, compare } = layouts.layout;
  const cache = useQueryClient();
  const [lacking, setLacking] = useState("");
  const [oldest, setOldest] = useState<number | null>(null);
  const [picking, setPicking] = useState(false);
  const [moving, setMoving] = useState<LineMove | null>(null);
  const dark = useIsDark();
  const instrument = useQuery({ queryKey: ["instrument", symbol], queryFn: () => data(getInstrument({ path: { symbol } })), staleTime: 600_000 });

  // Before the effects of the hooks below, which fill the chart.
  useEffect(() => {
    if (!host.current) return undefined;
    const chart = new ChartHandle(host.current, {
      needOlder: () => older.current(),
      legend: (bar) => {
        const beside = told.current.other;
        const compared = beside && bar ? { symbol: beside, close: chart.compare.close(bar.t) } : null;
        legend.current?.show(bar, bar ? chart.studies.readings(bar.t) : [], compared);
      },
      drawing: (event) => told.current.drawings?.take(event),
      gaps: (gaps, first) => {
        setLacking(gapWords(gaps));
        setOldest(first);
      },
      moveLine: setMoving,
    });
    handle.current = chart;
    return () => {
      handle.current = null;
      chart.dispose();
    };
  }, []);

  const history = useHistory(handle, older, symbol, interval);
  const { refetch } = history;
  const filled = useCallback(() => {
    void refetch();
    void cache.invalidateQueries({ queryKey: ["coverage", symbol] });
  }, [refetch, cache, symbol]);
  const catalogue = useCatalogue();
  const shown = { symbol, interval, bars: history.data };
  const failedStudies = useStudies(handle, shown, studies, catalogue);
  useGaps(handle, shown, oldest);
  const other = compare === symbol ? null : compare;
  const compared = useCompare(handle, shown, other);
  const tick = instrument.data?.tick_size;
  const decimals = decimalsOf(tick);
  const drawings = useDrawings(handle, instrument.data ? String(instrument.data.instrument_id) : null, decimals);

  useEffect(() => {
    told.current = { drawings, other };
  });
  useEffect(() => handle.current?.setDecimals(decimals), [decimals]);
  useEffect(() => {
    if (handle.current) handle.current.lines.tick = tick;
  }, [tick]);
  useEffect(() => handle.current?.theme(), [dark]);
  useEffect(() => handle.current?.setInterest(interest), [interest]);
  useEffect(() => handle.current?.marks.set(own, handle.current.bars), [own, history.data]);

  useEffect(() => handle.current?.marks.propose(moving), [moving]);
  const alerts = useMemo(() => own.alerts.map((alert) => ({ ...alert, field: "value" as const })), [own.alerts]);
  const line = moving && [...own.orders, ...alerts].find(({ id, field }): boolean => id === moving.id && field === moving.field);

  function onKey(event: KeyboardEvent): void {
    actOn("chart", event, { cancel: () => handle.current?.lines.cancel() === true || handle.current?.pointer.cancel() === true || drawings.cancel(), remove: drawings.removeSelected, undo: drawings.undo, redo: drawings.redo });
  }

  function screenshot(): void {
    const link = document.createElement("a");
    link.download = `${symbol.replace(":", "-")}-${interval}.png`;
    link.href = handle.current?.screenshot().toDataURL("image/png") ?? "";
    link.click();
  }

  const failed = history.error ?? compared.error ?? failedStudies;
  return (
    <section className="chart" aria-label={`Chart of ${symbol}`} onKeyDown={onKey}>
      <Toolbar
        layouts={layouts} catalogue={catalogue} hasInterest={history.data?.oi != null || CONTRACTS.has(instrument.data?.type ?? "")}
        compare={() => setPicking(true)} screenshot={screenshot}
        lacking={lacking} symbol={symbol} orders={own.orders} alerts={alerts} change={({ id, field, price }: MovableLine) => setMoving({ id, field, price })}
      />
      <Legend ref={legend} decimals={decimals} />
      {failed != null && <Failure error={failed} retry={() => void history.refetch()} />}
      {history.isSuccess && <FetchHistory key={`${symbol}${interval}`} symbol={symbol} interval={interval} bars={history.data.t.length} loading={history.isFetching} filled={filled} />}
      <div className="stage">
        <DrawingTools drawings={drawings} decimals={decimals} lastPrice={() => handle.current?.bars.at(-1)?.c} />
        <div
          className="canvas" ref={host} role="group" tabIndex={0} aria-label={`${interval} candles of ${symbol}`}
          data-tool={drawings.tool ?? ""} data-fills={own.fills.length} data-orders={own.orders.length} data-positions={own.positions.length} data-alerts={own.alerts.length} data-gaps={lacking} data-drawings={drawings.drawings.length}
        />
        <span className="hint" role="status">{drawings.hint}</span>
      </div>
      {drawings.writing && <NoteDialog text={drawings.writing.text} write={drawings.write} close={drawings.leaveNote} />}
      {moving && line && <LineDialog key={`${moving.id}${moving.field}`} symbol={symbol} line={line} proposed={moving.price} tick={tick} close={() => setMoving(null)} />}
      {picking && (
        <Suspense>
          <SearchDialog
            close={() => setPicking(false)}
            choose={(chosen) => {
              setPicking(false);
              layouts.change({ compare: chosen });
            }}
          />
        </Suspense>
      )}
    </section>
  );
}
