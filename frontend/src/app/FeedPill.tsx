import type { Health } from "@/realtime/health";
import { stream } from "@/realtime/stream";

export function FeedPill({ look, words }: Health) {
  const bad = look === "bad" || look === "wait";
  return (
    <button type="button" className="button quiet" title={bad ? "Try now" : "Prices arrive"} onClick={() => stream.nudge()}>
      <span className={`tag ${look}`} role="status">{words}</span>
    </button>
  );
}
