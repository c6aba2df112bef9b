import { useEffect, useReducer } from "react";

import type { DepthMessage } from "@/realtime/protocol";
import { ticks, useChannels } from "@/realtime/stream";

const EVERY_MS = 100;

/** The depth of an instrument and, for who asks, its last price; drawn again at most ten times a second. */
export function useBook(symbol: string, withLast = false): { depth: DepthMessage | undefined; last: number } {
  const [, redraw] = useReducer((count: number) => count + 1, 0);
  useChannels([`depth:${symbol}`, `tick:${symbol}`]);
  useEffect(() => {
    let due: ReturnType<typeof setTimeout> | undefined;
    const cell = {
      update: () => {
        due ??= setTimeout(() => {
          due = undefined;
          redraw();
        }, EVERY_MS);
      },
    };
    const stops = [ticks.watchDepth(symbol, cell), ...(withLast ? [ticks.watch(symbol, cell)] : [])];
    return () => {
      clearTimeout(due);
      stops.forEach((stop) => stop());
    };
  }, [symbol, withLast]);
  return { depth: ticks.depth(symbol), last: withLast ? ticks.get(symbol, "ltp") : NaN };
}
