import { useEffect, useState } from "react";

import type { Side } from "./ladder";

/** How long a click may place an order without another word. */
export const ARMED_MS = 5 * 60_000;
/** Two clicks on the same cell within this are one double click. */
const DOUBLE_MS = 700;

export interface Aim {
  side: Side;
  rung: number;
}

/** Whether `next` is the second half of a double click on what was placed `at` a moment before. */
export function isDoubled(last: (Aim & { at: number }) | null, next: Aim, now: number): boolean {
  return last !== null && last.side === next.side && last.rung === next.rung && now - last.at < DOUBLE_MS;
}

/** "4:09" */
export function leftOf(until: number, now: number): string {
  const seconds = Math.max(0, Math.ceil((until - now) / 1000));
  return `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, "0")}`;
}

/**
 * Whether clicks place orders. It ends by itself after five minutes, and at once when there is a reason to `stop`.
 *
 * @param stop why nobody may be armed now, in words; null when nothing is against it.
 */
export function useArming(stop: string | null) {
  const [until, setUntil] = useState<number | null>(null);
  const [ended, setEnded] = useState<string | null>(null);
  if (until !== null && stop !== null) {
    setUntil(null);
    setEnded(stop);
  }
  useEffect(() => {
    if (until === null) return undefined;
    const timer = setTimeout(() => {
      setUntil(null);
      setEnded("five minutes have passed");
    }, until - Date.now());
    return () => clearTimeout(timer);
  }, [until]);
  return {
    until,
    /** Why it ended, when the user has not ended it. */
    ended,
    /** To be asked at the moment of a click: the timers of a computer that slept are late. */
    isArmed: (): boolean => until !== null && Date.now() < until,
    arm: (): void => {
      if (stop !== null) return;
      setUntil(Date.now() + ARMED_MS);
      setEnded(null);
    },
    disarm: (): void => {
      setUntil(null);
      setEnded(null);
    },
  };
}
