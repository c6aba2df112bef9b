import { Link } from "react-router";

import type { AlertView } from "@/api/generated";
import { moment } from "@/shared/format/time";

import { REPEATS, sentence, type useAlerts } from "./alerts";

const LOOKS: Record<string, string> = { active: "good", paused: "wait", fired: "", expired: "" };

interface Props {
  alerts: readonly AlertView[];
  acting: Pick<ReturnType<typeof useAlerts>, "change" | "remove">;
  /** Where the instrument is known already. */
  brief?: boolean;
}

export function AlertList({ alerts, acting: { change, remove }, brief = false }: Props) {
  const busy = change.isPending || remove.isPending;
  return (
    <ul className="alerts">
      {alerts.map((alert) => (
        <li key={alert.id}>
          <div className="grow">
            <p>{!brief && <Link to={`/chart/${encodeURIComponent(alert.symbol)}`}>{alert.symbol}</Link>} {sentence(alert)}</p>
            <p className="muted">
              {[alert.note, alert.repeat === "once" ? "" : REPEATS[alert.repeat], alert.fired_at ? `fired ${moment(alert.fired_at)}` : "", alert.fire_count > 1 ? `${alert.fire_count} times` : ""].filter(Boolean).join(" · ")}
            </p>
          </div>
          <span className={`tag ${LOOKS[alert.state] ?? ""}`}>{alert.state}</span>
          <button type="button" className="button" disabled={busy} onClick={() => change.mutate({ id: alert.id, state: alert.state === "active" ? "paused" : "active" })}>
            {alert.state === "active" ? "Pause" : alert.state === "paused" ? "Resume" : "Again"}
          </button>
          <button type="button" className="button" disabled={busy} aria-label={`Delete the alert on ${alert.symbol}: ${sentence(alert)}`} onClick={() => remove.mutate(alert.id)}>Delete</button>
        </li>
      ))}
    </ul>
  );
}
