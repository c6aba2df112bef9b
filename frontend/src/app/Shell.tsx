import { Activity, CandlestickChart, Database, ListOrdered, Plug, Search, Table2, Wallet } from "lucide-react";
import { lazy, Suspense, useEffect, useState } from "react";
import { Link, Navigate, Outlet, useLocation, useNavigate } from "react-router";

import { SessionDialog } from "@/features/auth/SessionDialog";
import { LiveCell } from "@/realtime/cells";
import { useHealth } from "@/realtime/health";
import { useChannels } from "@/realtime/stream";
import { useSession } from "@/session/session";
import { useDisplayOnPage } from "@/shared/display";
import { percent, price } from "@/shared/format/numbers";
import { actOn } from "@/shared/keys/keys";
import { Boundary } from "@/shared/ui/Boundary";
import { Loading } from "@/shared/ui/states";

import { AccountMenu } from "./AccountMenu";
import { Bell } from "./Bell";
import { FeedPill } from "./FeedPill";
import { useDayChange } from "./marketStatus";
import { SimulatorBar } from "./SimulatorBar";
import { Toasts } from "./Toasts";

const SearchDialog = lazy(() => import("@/shared/search/SearchDialog").then((module) => ({ default: module.SearchDialog })));
const KeyMap = lazy(() => import("@/shared/keys/KeyMap").then((module) => ({ default: module.KeyMap })));

const PAGES = [
  { to: "/", name: "Workspace", Icon: CandlestickChart },
  { to: "/chain", name: "Options", Icon: Table2 },
  { to: "/orders", name: "Orders", Icon: ListOrdered },
  { to: "/portfolio", name: "Portfolio", Icon: Wallet },
  { to: "/data", name: "Data", Icon: Database },
  { to: "/connect", name: "Connect", Icon: Plug },
  { to: "/system", name: "System", Icon: Activity },
];
const INDICES = ["NSE_INDEX:NIFTY", "NSE_INDEX:BANKNIFTY"];

function isAt(to: string, path: string): boolean {
  return path === to || path.startsWith(to === "/" ? "/chart/" : `${to}/`);
}

/** Everything around a page for somebody who is signed in; to the sign-in page for everybody else. */
export function Shell() {
  const session = useSession();
  const place = useLocation();
  const signedIn = session.status !== "signed-out";
  if (!signedIn) return <Navigate to="/sign-in" replace state={{ back: place.pathname }} />;
  return <Frame user={session.status === "expired" ? session.user : session.session.user} />;
}

function Frame({ user }: { user: Parameters<typeof AccountMenu>[0]["user"] }) {
  const [searching, setSearching] = useState(false);
  const [mapping, setMapping] = useState(false);
  const navigate = useNavigate();
  const place = useLocation();
  const state = useHealth();
  useDayChange();
  useDisplayOnPage();
  useChannels(["feed", "backfills", ...INDICES.map((symbol) => `tick:${symbol}`)]);

  useEffect(() => {
    function onKey(event: KeyboardEvent): void {
      actOn("everywhere", event, { search: () => setSearching(true), map: () => setMapping(true) });
    }
    addEventListener("keydown", onKey);
    return () => removeEventListener("keydown", onKey);
  }, []);

  function choose(symbol: string): void {
    setSearching(false);
    void navigate(`/chart/${encodeURIComponent(symbol)}`);
  }

  return (
    <div className="shell" data-feed={state.mark}>
      <a className="skip" href="#main">Skip to the page</a>
      <header className="topbar">
        <Link className="brand" to="/" aria-label="Breezeway"><img src="/favicon.svg" alt="" width="24" height="24" /> <b>Breezeway</b></Link>
        <div className="indices" aria-label="Indices">
          {INDICES.map((symbol) => (
            <span key={symbol}>
              <span className="muted">{symbol.split(":")[1]}</span>
              <LiveCell symbol={symbol} field="ltp" format={price} />
              <LiveCell symbol={symbol} field="change_pct" format={percent} bySign />
            </span>
          ))}
        </div>
        <button type="button" className="button searchbutton" aria-label="Search" onClick={() => setSearching(true)}>
          <Search size={15} aria-hidden /> <span>Search</span> <kbd>Ctrl K</kbd>
        </button>
        <FeedPill {...state} />
        <Bell />
        <AccountMenu user={user} showKeys={() => setMapping(true)} />
      </header>
      <SimulatorBar user={user} />
      <nav className="rail" aria-label="Pages">
        {PAGES.map(({ to, name, Icon }) => (
          <Link key={to} to={to} title={name} aria-current={isAt(to, place.pathname) ? "page" : undefined}>
            <Icon size={20} aria-hidden /><span className="label">{name}</span>
          </Link>
        ))}
      </nav>
      <main className="main" id="main" tabIndex={-1}>
        <Boundary name="The page" key={place.pathname.split("/")[1]}>
          <Suspense fallback={<div className="page"><Loading /></div>}>
            <Outlet context={{ search: () => setSearching(true) }} />
          </Suspense>
        </Boundary>
      </main>
      {searching && <Suspense><SearchDialog close={() => setSearching(false)} choose={choose} /></Suspense>}
      {mapping && <Suspense><KeyMap close={() => setMapping(false)} /></Suspense>}
      <Toasts />
      <SessionDialog />
    </div>
  );
}
