/** What can be taken back, and what was taken back. */
export interface History<T> {
  past: readonly T[];
  future: readonly T[];
}

const MOST = 50;

export const UNTOUCHED: History<never> = { past: [], future: [] };

/** After a change away from `before`: what was taken back is gone. */
export const recorded = <T>({ past }: History<T>, before: T): History<T> => ({ past: [...past, before].slice(-MOST), future: [] });

/** One step back from `now`; null when there is none. */
export function undone<T>({ past, future }: History<T>, now: T): { value: T; history: History<T> } | null {
  if (past.length === 0) return null;
  return { value: past[past.length - 1] as T, history: { past: past.slice(0, -1), future: [...future, now] } };
}

/** One step forth again from `now`; null when nothing was taken back. */
export function redone<T>({ past, future }: History<T>, now: T): { value: T; history: History<T> } | null {
  const step = undone({ past: future, future: past }, now);
  return step && { value: step.value, history: { past: step.history.future, future: step.history.past } };
}
