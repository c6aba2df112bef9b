import { useQuery } from "@tanstack/react-query";
import { useEffect, useState } from "react";

import { data } from "@/api/client";
import { readMarketStatus } from "@/api/generated";
import { load, save } from "@/shared/storage/json";
import { clock, weekday } from "@/shared/format/time";

const PHASES: Record<string, string> = { continuous: "open", closed: "closed", pre_open: "pre-open", post_close: "closing session" };

const REMEMBERED = "breezeway.replay";

/** Says that prices are replayed or invented, with the exchange's own clock. Nothing on a real trading day. */
export function SimulatorBar() {
  const market = useQuery({
    queryKey: ["market-status"],
    queryFn: async () => ({ ...(await data(readMarketStatus())), readAt: Date.now() }),
    refetchInterval: 30_000,
  });
  const [now, setNow] = useState(Date.now);
  useEffect(() => {
    const timer = setInterval(() => setNow(Date.now()), 1_000);
    return () => clearInterval(timer);
  }, []);
  const status = market.data;
  useEffect(() => {
    if (status) save(REMEMBERED, status.replay ? true : null);
  }, [status]);
  // Where it was shown last time it has its place before the answer comes: nothing moves down under the pointer.
  if (!status && load(REMEMBERED) === true) return <aside className="simbar" aria-label="Simulator"><b>Simulated exchange</b></aside>;
  if (!status?.replay) return null;
  const at = Date.parse(status.exchange_time) + Math.max(0, now - status.readAt) * status.speed;
  const nse = status.segments.find((segment) => segment.segment === "NSE");
  return (
    <aside className="simbar" aria-label="Simulator">
      <b>Simulated exchange</b>
      <span className="num">{weekday(at)}, {clock(at)} IST</span>
      {status.speed !== 1 && <span>{status.speed}× speed</span>}
      {nse && <span>NSE {PHASES[nse.phase] ?? nse.phase.replaceAll("_", " ")}</span>}
      <span className="muted">No price here is real.</span>
    </aside>
  );
}
