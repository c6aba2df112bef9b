import { useQuery } from "@tanstack/react-query";

import { data } from "@/api/client";
import { listInstrumentSyncs, readFeed, readMarketStatus, systemStatus } from "@/api/generated";
import { useStreamStatus } from "@/realtime/stream";
import { integer } from "@/shared/format/numbers";
import { clock, duration, moment } from "@/shared/format/time";

import { Facts, Panel } from "./Panel";
import { Jobs } from "./Jobs";
import { Quota } from "./Quota";

const OFTEN = 5_000;

/** Services, feed, exchange and instrument master at a glance. */
export default function SystemPage() {
  const services = useQuery({ queryKey: ["system"], queryFn: () => data(systemStatus()), refetchInterval: OFTEN });
  const feed = useQuery({ queryKey: ["feed"], queryFn: () => data(readFeed()), refetchInterval: OFTEN });
  const market = useQuery({ queryKey: ["market"], queryFn: () => data(readMarketStatus()), refetchInterval: 30_000 });
  const syncs = useQuery({ queryKey: ["syncs"], queryFn: () => data(listInstrumentSyncs({ query: { limit: 5 } })), refetchInterval: 30_000 });
  const socket = useStreamStatus();
  return (
    <div className="page">
      <h1>System</h1>
      <Panel title="Services" query={services}>
        {(status) => (
          <table>
            <thead><tr><th scope="col">Service</th><th scope="col">State</th><th scope="col">Depends on</th></tr></thead>
            <tbody>
              {status.services.map(({ name, state, checks }) => (
                <tr key={name}>
                  <th scope="row">{name}</th>
                  <td><span className={`tag ${state === "ready" ? "good" : "bad"}`}>{state.replace("_", " ")}</span></td>
                  <td>{Object.entries(checks).map(([what, how]) => `${what} ${how}`).join(", ") || "no answer"}</td>
                </tr>
              ))}
            </tbody>
          </table>
        )}
      </Panel>
      <Panel title="Feed" query={feed}>
        {(now) => (
          <Facts rows={[
            ["State", <span key="s" className={`tag ${now.state === "live" ? "good" : "wait"}`}>{now.state.replace("_", " ")}{now.reason ? `: ${now.reason}` : ""}</span>],
            ["Ticks a second", now.ticks_per_second.toFixed(1)],
            ["Age of the newest tick", now.age_ms === null ? "–" : `${integer(now.age_ms)} ms`],
            ["Channels, broker rooms", `${integer(now.subscriptions)}, ${integer(now.rooms)}`],
            ["Owner", now.owner ? `${now.owner}, fence ${now.fence ?? "–"}` : "nobody"],
            ["Connected since", moment(now.connected_at)],
            ["Last gap", now.last_gap ? `${clock(now.last_gap.from)} to ${clock(now.last_gap.to)} IST, ${now.last_gap.reason}` : "none"],
            ["This page's stream", `${socket.phase}${socket.lastClose === null ? "" : `, last closed with ${socket.lastClose}`}`],
          ]} />
        )}
      </Panel>
      <Quota />
      <Jobs />
      <Panel title="Exchange" query={market}>
        {(status) => (
          <table>
            <thead><tr><th scope="col">Segment</th><th scope="col">Phase</th><th scope="col">Next open</th><th scope="col">Next close</th></tr></thead>
            <tbody>
              {status.segments.map((segment) => (
                <tr key={segment.segment}>
                  <th scope="row">{segment.segment}</th><td>{segment.phase.replaceAll("_", " ")}{segment.day_name ? ` (${segment.day_name})` : ""}</td>
                  <td>{moment(segment.next_open)}</td><td>{moment(segment.next_close)}</td>
                </tr>
              ))}
            </tbody>
          </table>
        )}
      </Panel>
      <Panel title="Instrument master" query={syncs}>
        {(page) => (
          <table>
            <thead><tr><th scope="col">Requested</th><th scope="col">State</th><th scope="col" className="num">Rows</th><th scope="col" className="num">Added</th><th scope="col" className="num">Changed</th><th scope="col" className="num">Refused</th><th scope="col" className="num">Took</th></tr></thead>
            <tbody>
              {page.items.map((sync) => (
                <tr key={sync.id}>
                  <td>{moment(sync.requested_at)}</td>
                  <td><span className={`tag ${sync.state === "completed" ? "good" : sync.state === "failed" ? "bad" : "wait"}`}>{sync.state}</span></td>
                  <td className="num">{integer(sync.rows)}</td><td className="num">{integer(sync.added)}</td><td className="num">{integer(sync.changed)}</td>
                  <td className="num">{integer(sync.refused)}</td><td className="num">{duration(sync.seconds)}</td>
                </tr>
              ))}
            </tbody>
          </table>
        )}
      </Panel>
    </div>
  );
}
