import { useQuery } from "@tanstack/react-query";
import { useEffect, useState } from "react";

import { data } from "@/api/client";
import { listBrokerAccounts, type UserView } from "@/api/generated";
import { clock, weekday } from "@/shared/format/time";
import { load, save } from "@/shared/storage/json";

import { useMarketStatus } from "./marketStatus";
import { SimulatorControls } from "./SimulatorControls";

const PHASES: Record<string, string> = { continuous: "open", closed: "closed", pre_open: "pre-open", post_close: "closing session" };

const REMEMBERED = "breezeway.replay";

/** Says that prices are replayed or invented, with the exchange's own clock. Nothing for the real market. */
export function SimulatorBar({ user }: { user: UserView }) {
  const market = useMarketStatus();
  // In the hours of the market the simulator replays nothing, and yet invents its prices.
  const accounts = useQuery({ queryKey: ["broker-accounts"], queryFn: () => data(listBrokerAccounts({ query: { limit: 100 } })) });
  const [now, setNow] = useState(Date.now);
  useEffect(() => {
    const timer = setInterval(() => setNow(Date.now()), 1_000);
    return () => clearInterval(timer);
  }, []);
  const status = market.data;
  const simulated = status && (status.replay || accounts.data?.items.some(({ environment }) => environment === "simulator") === true);
  useEffect(() => {
    if (simulated !== undefined) save(REMEMBERED, simulated ? true : null);
  }, [simulated]);
  // Where it was shown last time it has its place before the answer comes: nothing moves down under the pointer.
  if (!status && load(REMEMBERED) === true) return <aside className="simbar" aria-label="Simulator"><b>Simulated exchange</b></aside>;
  if (!status || !simulated) return null;
  const at = Date.parse(status.exchange_time) + Math.max(0, now - status.readAt) * status.speed;
  const nse = status.segments.find((segment) => segment.segment === "NSE");
  return (
    <aside className="simbar" aria-label="Simulator">
      <b>Simulated exchange</b>
      <span className="num">{weekday(at)}, {clock(at)} IST</span>
      {status.speed !== 1 && <span>{status.speed}× speed</span>}
      {nse && <span>NSE {PHASES[nse.phase] ?? nse.phase.replaceAll("_", " ")}</span>}
      <span className="muted">No price here is real.</span>
      {user.role === "admin" && <SimulatorControls />}
    </aside>
  );
}
