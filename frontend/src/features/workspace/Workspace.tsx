import { useQuery } from "@tanstack/react-query";
import { Bell, Columns3, PanelRight } from "lucide-react";
import { type CSSProperties, lazy, Suspense, useMemo, useRef, useState } from "react";
import { Link, useNavigate, useOutletContext, useParams } from "react-router";

import { data } from "@/api/client";
import { getInstrument, listBrokerAccounts, type NewOrder } from "@/api/generated";
import { LiveCell } from "@/realtime/cells";
import { decimalsOf, percent, price } from "@/shared/format/numbers";
import { actOn } from "@/shared/keys/keys";
import { Boundary } from "@/shared/ui/Boundary";
import { Failure, Loading } from "@/shared/ui/states";
import { useChannels } from "@/realtime/stream";
import { useAlerts, watchedPrices } from "@/features/notifications/alerts";
import { useOwnMarks } from "@/features/trading/useOwnMarks";

import "./workspace.css";
import { Depth } from "./Depth";
import { Dock } from "./Dock";
import { isResized, usePanes } from "./panes";
import { Splitter } from "./Splitter";
import { useWatchlists } from "./watchlist";
import { Watchlist } from "./Watchlist";

const DERIVATIVES = new Set(["future", "option", "currency"]);
const Ticket = lazy(() => import("@/features/trading/Ticket").then((module) => ({ default: module.Ticket })));
const AlertDialog = lazy(() => import("@/features/notifications/AlertDialog").then((module) => ({ default: module.AlertDialog })));
const ChartPanel = lazy(() => import("@/features/chart/ChartPanel"));

export interface WorkspaceContext {
  search: () => void;
}

/** Watchlist, chart and depth of one instrument, which the address names: /chart/NSE:RELIANCE. */
export default function Workspace() {
  const { search } = useOutletContext<WorkspaceContext>();
  const navigate = useNavigate();
  const named = useParams().symbol;
  const watchlists = useWatchlists();
  const { list, pending, change } = watchlists;
  const symbol = named ?? list[0] ?? "NSE_INDEX:NIFTY";
  useChannels([`tick:${symbol}`]);
  const instrument = useQuery({ queryKey: ["instrument", symbol], queryFn: () => data(getInstrument({ path: { symbol } })), staleTime: 600_000 });
  const accounts = useQuery({ queryKey: ["broker-accounts"], queryFn: () => data(listBrokerAccounts({ query: { limit: 100 } })) });
  const { fills, orders, positions } = useOwnMarks(symbol);
  const { alerts } = useAlerts(symbol);
  const own = useMemo(() => ({ fills, orders, positions, alerts: watchedPrices(alerts) }), [fills, orders, positions, alerts]);
  const [alerting, setAlerting] = useState<string | null>(null);
  const [side, setSide] = useState(false);
  const [draft, setDraft] = useState<{ symbol: string; side: NewOrder["side"] } | null>(null);
  const { sizes, tab, resize, reset, show } = usePanes();
  const panel = useRef<HTMLElement>(null);
  const derivative = DERIVATIVES.has(instrument.data?.type ?? "");
  const decimals = decimalsOf(instrument.data?.tick_size);
  const select = (next: string): void => {
    setDraft(null);
    void navigate(`/chart/${encodeURIComponent(next)}`);
  };
  const order = (next: string, wanted: NewOrder["side"]): void => {
    select(next);
    setSide(true);
    setDraft({ symbol: next, side: wanted });
  };
  const depth = (next: string): void => {
    select(next);
    setSide(true);
    panel.current?.focus();
  };
  // Which instrument it is about, the list says.
  if (pending && !named) return <div className="page"><Loading /></div>;
  return (
    <div className="workspace" data-view={named ? "chart" : "list"} style={{ "--list": `${sizes.list}px`, "--side": `${sizes.side}px`, "--dock": `${sizes.dock}px` } as CSSProperties}>
      <Boundary name="The watchlist"><Watchlist watchlists={watchlists} selected={symbol} select={select} search={search} alert={setAlerting} order={order} depth={depth} /></Boundary>
      <Splitter pane="list" name="the watchlist" controls="watchlist" size={sizes.list} grows={1} resize={(size) => resize("list", size)} reset={() => reset("list")} />
      <div className="centre">
        {accounts.data?.items.length === 0 && (
          <div className="notice warning">No broker is connected: prices do not move. <Link className="button primary" to="/connect">Connect Breeze</Link></div>
        )}
        {instrument.isError && <Failure error={instrument.error} retry={() => void instrument.refetch()} />}
        <header className="symbolhead">
          <Link className="button quiet back" to="/">‹ List</Link>
          <h1>{symbol.split(/:(.*)/)[1]}</h1>
          <Link className="muted" to={`/instrument/${encodeURIComponent(symbol)}`} title="Contract, aliases, stored history">{instrument.data?.name}</Link>
          <LiveCell key={`${symbol}p${decimals}`} symbol={symbol} field="ltp" format={(value) => price(value, decimals)} flash className="last" />
          <LiveCell key={`${symbol}c`} symbol={symbol} field="change_pct" format={percent} bySign />
          {!pending && !list.includes(symbol) && (
            <button type="button" className="button" onClick={() => change((now) => [...now, symbol])}>Add to watchlist</button>
          )}
          <span className="grow" />
          <button type="button" className="button quiet" onClick={() => setAlerting(symbol)}><Bell size={15} aria-hidden /> Alert{own.alerts.length > 0 && ` (${own.alerts.length})`}</button>
          {isResized(sizes) && <button type="button" className="button quiet icon resetpanes" aria-label="First sizes of the panes" title="First sizes of the panes" onClick={() => reset()}><Columns3 size={15} aria-hidden /></button>}
          <button type="button" className="button icon drawerbutton" aria-label="Depth and order" title="Depth and order" aria-expanded={side} aria-controls="side" onClick={() => setSide(!side)}><PanelRight size={15} aria-hidden /></button>
        </header>
        <Boundary name="The chart" key={symbol}>
          <Suspense fallback={<Loading />}><ChartPanel symbol={symbol} own={own} /></Suspense>
        </Boundary>
        <Dock tab={tab} show={show} size={sizes.dock} resize={(size) => resize("dock", size)} reset={() => reset("dock")} />
      </div>
      <Splitter pane="side" name="depth and order" controls="side" size={sizes.side} grows={-1} resize={(size) => resize("side", size)} reset={() => reset("side")} />
      <aside ref={panel} tabIndex={-1} className="side" id="side" aria-label="Depth and order" data-open={side || undefined} onKeyDown={(event) => actOn("side", event, { close: () => side && setSide(false) })}>
        <button type="button" className="button drawerclose" onClick={() => setSide(false)}>Close</button>
        <Boundary name="The depth"><Depth key={symbol} symbol={symbol} decimals={decimals} derivative={derivative} instrument={instrument.data} /></Boundary>
        <Boundary name="The order ticket" key={symbol}>
          <Suspense>{instrument.data && <Ticket symbol={symbol} lot={instrument.data.lot_size} derivative={derivative} wished={draft?.symbol === symbol ? draft : null} />}</Suspense>
        </Boundary>
      </aside>
      {alerting && <Suspense><AlertDialog symbol={alerting} close={() => setAlerting(null)} /></Suspense>}
    </div>
  );
}
