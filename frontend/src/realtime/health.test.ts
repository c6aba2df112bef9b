import { expect, it } from "vitest";

import { health } from "./health";

const fine = { phase: "live", failures: 0, reason: null, silence: 0, feed: { state: "live", reason: null } };

it.each([
  [fine, "Live", "live"],
  [{ ...fine, silence: 3_000 }, "Delayed", "delayed"],
  [{ ...fine, silence: 11_000 }, "Stale", "stale"],
  [{ ...fine, phase: "backoff", failures: 2 }, "Reconnecting 2", "down"],
  [{ ...fine, phase: "blocked", reason: "forbidden" }, "Stream stopped (forbidden)", "down"],
  [{ ...fine, feed: { state: "stalled", reason: null } }, "Stale", "stale"],
  [{ ...fine, feed: { state: "session_expired", reason: null } }, "Broker session expired", "down"],
  [{ ...fine, feed: { state: "no_session", reason: null } }, "No broker session", "down"],
])("%o", (inputs, words, mark) => expect(health(inputs)).toMatchObject({ words, mark }));
