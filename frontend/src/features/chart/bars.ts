import type { CandlesView } from "@/api/generated";
import type { CandleMessage } from "@/realtime/protocol";

/** One bar; `t` is its start, epoch seconds UTC. `oi` is NaN where there is none. */
export interface Bar {
  t: number;
  o: number;
  h: number;
  l: number;
  c: number;
  v: number;
  oi: number;
}

export function barsOf(view: CandlesView): Bar[] {
  return view.t.map((t, i) => ({
    t, o: view.o[i] ?? NaN, h: view.h[i] ?? NaN, l: view.l[i] ?? NaN, c: view.c[i] ?? NaN, v: view.v[i] ?? 0, oi: view.oi?.[i] ?? NaN,
  }));
}

/** `older` before `newer`, without the bars that both have. */
export function prepend(older: readonly Bar[], newer: readonly Bar[]): Bar[] {
  const first = newer[0]?.t ?? Infinity;
  return [...older.filter((bar) => bar.t < first), ...newer];
}

/**
 * `bars` with a live bar worked in, and whether the last bar changed.
 *
 * A bar that was forming when we subscribed knows only what came since, so what is stored of it is kept: its open,
 * its extremes and the larger volume. A closed bar is the truth. One older than the last is ignored; a reload has it.
 */
export function withLive(bars: Bar[], live: CandleMessage): boolean {
  const last = bars.at(-1);
  if (last && live.t < last.t) return false;
  const fresh: Bar = { t: live.t, o: live.o, h: live.h, l: live.l, c: live.c, v: live.v ?? 0, oi: live.oi ?? NaN };
  if (last?.t !== live.t) bars.push(fresh);
  else if (live.closed) bars[bars.length - 1] = fresh;
  else {
    bars[bars.length - 1] = {
      t: last.t, o: last.o, h: Math.max(last.h, fresh.h), l: Math.min(last.l, fresh.l), c: fresh.c, v: Math.max(last.v, fresh.v),
      oi: Number.isNaN(fresh.oi) ? last.oi : fresh.oi,
    };
  }
  return true;
}

/** Index of the bar in which `t` falls, for bars of any interval; null before the first. */
export function indexAt(bars: readonly Bar[], t: number): number | null {
  let low = 0;
  let high = bars.length - 1;
  if (high < 0 || t < (bars[0]?.t ?? Infinity)) return null;
  while (low < high) {
    const middle = (low + high + 1) >> 1;
    if ((bars[middle]?.t ?? Infinity) <= t) low = middle;
    else high = middle - 1;
  }
  return low;
}
