import { isoDay } from "@/shared/format/time";

export interface Sparkline {
  /** For a polyline. */
  points: string;
  sign: "up" | "down" | "flat";
}

/**
 * The closes of one Indian day in `times` (epoch seconds, ascending) as a line: the newest day that has two bars, which in the
 * first minutes of a session is the one before. Null when there is none.
 */
export function sparkline(times: readonly number[], closes: readonly number[], { width, height }: { width: number; height: number }): Sparkline | null {
  const days = new Map<string, number[]>();
  times.forEach((t, i) => {
    const name = isoDay(t * 1000);
    const bars = days.get(name) ?? [];
    days.set(name, bars);
    bars.push(closes[i] ?? NaN);
  });
  const day = [...days.values()].findLast((bars) => bars.length > 1);
  if (!day) return null;
  const [first, end] = [day[0], day.at(-1)];
  if (first === undefined || end === undefined) return null;
  const [least, most] = [Math.min(...day), Math.max(...day)];
  const range = most - least || 1;
  const points = day.map((close, i) => `${((i / (day.length - 1)) * width).toFixed(1)},${(1 + (1 - (close - least) / range) * (height - 2)).toFixed(1)}`);
  return { points: points.join(" "), sign: end > first ? "up" : end < first ? "down" : "flat" };
}
