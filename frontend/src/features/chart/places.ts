import { type Bar, indexAt } from "./bars";

/** Of how many of the newest bars the length is taken. */
const LATEST = 10;
const SHORTEST = 1;

/** Seconds of a bar: the least distance of the newest ones, since between others lie nights and weekends. */
function stepOf(bars: readonly Bar[]): number {
  const times = bars.slice(-LATEST).map(({ t }) => t);
  const steps = times.slice(1).map((t, before) => t - (times[before] ?? t));
  return Math.max(SHORTEST, steps.length > 0 ? Math.min(...steps) : 60);
}

/**
 * The bar in which `t` falls, counted from 0, and after the newest one the bars to come, all of one length: which hours
 * and days will be traded is not asked, so what was drawn ahead may stand some bars further left once they are there.
 * Null before the first bar.
 */
export function placeAt(bars: readonly Bar[], t: number): number | null {
  const index = indexAt(bars, t);
  const newest = bars.at(-1);
  if (index === null || !newest || index < bars.length - 1) return index;
  return index + Math.floor((t - newest.t) / stepOf(bars));
}

/** When the bar at `place` begins; the inverse of `placeAt`. Null while there are no bars. */
export function momentAt(bars: readonly Bar[], place: number): number | null {
  const newest = bars.at(-1);
  if (!newest) return null;
  const ahead = place - (bars.length - 1);
  return ahead > 0 ? newest.t + ahead * stepOf(bars) : (bars[Math.max(0, place)]?.t ?? newest.t);
}
