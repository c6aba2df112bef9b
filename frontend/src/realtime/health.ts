import { useFeed, useSilence, useStreamStatus } from "./stream";

export interface Health {
  look: "good" | "wait" | "bad" | "";
  words: string;
  /** For the page: how much the shown prices can be trusted. */
  mark: "live" | "delayed" | "stale" | "down";
}

interface Inputs {
  phase: string;
  failures: number;
  reason: string | null;
  silence: number;
  feed: { state: string; reason: string | null } | null;
}

/** One vocabulary for the state of the prices, from the connection's, the server's silence and the feed's own word. */
export function health({ phase, failures, reason, silence, feed }: Inputs): Health {
  if (phase === "blocked") return { look: "bad", words: `Stream stopped (${reason ?? "refused"})`, mark: "down" };
  if (phase === "signed-out" || phase === "idle") return { look: "", words: "Signed out", mark: "down" };
  if (phase !== "live") {
    return failures > 0
      ? { look: "wait", words: `Reconnecting ${failures}`, mark: "down" }
      : { look: "wait", words: "Connecting", mark: "stale" };
  }
  if (silence > 10_000) return { look: "bad", words: "Stale", mark: "stale" };
  if (silence > 2_000) return { look: "wait", words: "Delayed", mark: "delayed" };
  switch (feed?.state) {
    case undefined:
      return { look: "wait", words: "Waiting for prices", mark: "live" };
    case "live":
    case "moved":
      return { look: "good", words: "Live", mark: "live" };
    case "connecting":
    case "waiting":
      return { look: "wait", words: "Feed connecting", mark: "stale" };
    case "degraded":
      return { look: "wait", words: "Delayed", mark: "delayed" };
    case "stalled":
      return { look: "bad", words: "Stale", mark: "stale" };
    case "session_expired":
      return { look: "bad", words: "Broker session expired", mark: "down" };
    case "no_session":
      return { look: "bad", words: "No broker session", mark: "down" };
    default:
      return { look: "wait", words: feed?.state ?? "", mark: "stale" };
  }
}

export function useHealth(): Health {
  const status = useStreamStatus();
  return health({ ...status, silence: useSilence(), feed: useFeed() });
}
