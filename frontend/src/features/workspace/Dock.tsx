import { lazy, Suspense, useSyncExternalStore } from "react";
import { Link } from "react-router";

import { useTradingAccount } from "@/features/trading/account";
import { Boundary } from "@/shared/ui/Boundary";
import { Loading } from "@/shared/ui/states";

import { type Tab, TABS } from "./panes";
import { Splitter } from "./Splitter";

const Positions = lazy(() => import("@/features/trading/Positions").then((module) => ({ default: module.Positions })));
const WorkingOrders = lazy(() => import("@/features/trading/WorkingOrders").then((module) => ({ default: module.WorkingOrders })));
const Trades = lazy(() => import("@/features/trading/Trades").then((module) => ({ default: module.Trades })));
const AllAlerts = lazy(() => import("@/features/notifications/AllAlerts").then((module) => ({ default: module.AllAlerts })));

const wide = (): MediaQueryList => matchMedia("(min-width: 1200px)");
function subscribe(changed: () => void): () => void {
  const media = wide();
  media.addEventListener("change", changed);
  return () => media.removeEventListener("change", changed);
}

interface Props {
  tab: Tab | null;
  show: (tab: Tab | null) => void;
  size: number;
  resize: (size: number) => void;
  reset: () => void;
}

/** Positions, orders, trades and alerts below the chart, where the screen is large enough; closed until somebody opens it. */
export function Dock({ tab, show, size, resize, reset }: Props) {
  const fits = useSyncExternalStore(subscribe, () => wide().matches);
  if (!fits) return null;
  return (
    <section className="dock" aria-label="Dock">
      {tab && <Splitter pane="dock" name="the dock" controls="dock" size={size} grows={-1} level resize={resize} reset={reset} />}
      <div className="tabs" role="group" aria-label="Show in the dock">
        {(Object.keys(TABS) as Tab[]).map((each) => (
          <button key={each} type="button" className="button quiet" aria-expanded={each === tab} aria-controls="dock" onClick={() => show(each === tab ? null : each)}>{TABS[each]}</button>
        ))}
      </div>
      <div id="dock" hidden={!tab}>
        {tab && <Boundary name="The dock" key={tab}><Suspense fallback={<Loading />}><Shown tab={tab} /></Suspense></Boundary>}
      </div>
    </section>
  );
}

function Shown({ tab }: { tab: Tab }) {
  const { account, list } = useTradingAccount();
  if (tab === "alerts") return <AllAlerts />;
  if (!account) return list.isPending ? <Loading /> : <p><Link to="/portfolio">Open a paper account</Link> to trade.</p>;
  switch (tab) {
    case "positions":
      return <Positions account={account.id} />;
    case "orders":
      return <WorkingOrders account={account.id} />;
    case "trades":
      return <Trades account={account.id} />;
  }
}
