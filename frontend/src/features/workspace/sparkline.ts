import { isoDay } from "@/shared/format/time";

export interface Sparkline {
  /** For a polyline. */
  points: string;
  sign: "up" | "down" | "flat";
}

/** The closes of the last Indian day in `times` (epoch seconds, ascending) as a line; null for fewer than two. */
export function sparkline(times: readonly number[], closes: readonly number[], { width, height }: { width: number; height: number }): Sparkline | null {
  const last = times.at(-1);
  if (last === undefined) return null;
  const today = isoDay(last * 1000);
  const day = closes.filter((_, i) => isoDay((times[i] ?? 0) * 1000) === today);
  const [first, end] = [day[0], day.at(-1)];
  if (day.length < 2 || first === undefined || end === undefined) return null;
  const [least, most] = [Math.min(...day), Math.max(...day)];
  const range = most - least || 1;
  const points = day.map((close, i) => `${((i / (day.length - 1)) * width).toFixed(1)},${(1 + (1 - (close - least) / range) * (height - 2)).toFixed(1)}`);
  return { points: points.join(" "), sign: end > first ? "up" : end < first ? "down" : "flat" };
}
