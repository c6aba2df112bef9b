import type { ReactNode } from "react";

import { toApiError } from "@/api/problem";

/** What failed, what it is called in the logs, and a way to try again. */
export function Failure({ error, retry }: { error: unknown; retry?: () => void }) {
  const problem = toApiError(error, undefined);
  const fault = error instanceof Error ? error.message : problem.message;
  return (
    <div className="notice error" role="alert">
      <span>{fault}</span>
      {problem.retryAfter !== null && <span className="muted">Try again in {Math.ceil(problem.retryAfter)} s.</span>}
      {problem.requestId && <span className="muted">Request {problem.requestId}</span>}
      {retry && <button type="button" className="button" onClick={retry}>Retry</button>}
    </div>
  );
}

/** One sentence and one action, where there is nothing yet. */
export function Empty({ children, action }: { children: ReactNode; action?: ReactNode }) {
  return (
    <div className="notice">
      <span>{children}</span>
      {action}
    </div>
  );
}

export function Loading({ lines = 3 }: { lines?: number }) {
  return (
    <div className="stack" role="status" aria-busy="true" aria-label="Loading">
      {Array.from({ length: lines }, (_, line) => <div key={line} className="skeleton" style={{ width: `${90 - line * 15}%` }} />)}
    </div>
  );
}
