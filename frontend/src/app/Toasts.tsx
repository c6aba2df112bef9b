import { useEffect, useState } from "react";
import { Link } from "react-router";

import { isUrgent, placeOf } from "@/features/notifications/kinds";
import { onMessage } from "@/realtime/stream";
import type { NotificationMessage } from "@/realtime/protocol";

const MOST = 3;
const GONE_AFTER_MS = 12_000;

/** What cannot wait for a look at the bell. What is critical stays until it is closed. */
export function Toasts() {
  const [shown, setShown] = useState<readonly NotificationMessage[]>([]);
  const close = (id: string): void => setShown((now) => now.filter((each) => each.id !== id));
  useEffect(() => {
    const timers = new Set<ReturnType<typeof setTimeout>>();
    const stop = onMessage("notification", (message) => {
      if (!isUrgent(message.kind, message.severity)) return;
      setShown((now) => [...now.filter((each) => each.id !== message.id), message].slice(-MOST));
      if (message.severity !== "critical") timers.add(setTimeout(() => close(message.id), GONE_AFTER_MS));
    });
    return () => {
      stop();
      for (const timer of timers) clearTimeout(timer);
    };
  }, []);
  return (
    <div className="toasts" role="status" aria-label="New notifications">
      {shown.map(({ id, title, text, kind, severity, data }) => (
        <div key={id} className={`toast ${severity}`}>
          <div className="grow">
            <b>{title}</b>
            {text && <p className="muted">{text}</p>}
            <Link to={placeOf(kind, data) ?? "/notifications"} onClick={() => close(id)}>Show</Link>
          </div>
          <button type="button" className="button quiet icon" aria-label={`Close: ${title}`} onClick={() => close(id)}>×</button>
        </div>
      ))}
    </div>
  );
}
