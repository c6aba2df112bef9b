import type { DayView } from "@/api/generated";

import { type Bar, indexAt } from "./bars";

/** A place on the chart where stored data end and begin again, as bar numbers: `from` and `to` may lie between bars. */
export interface Gap {
  from: number;
  to: number;
  /** "missing": nothing of these sessions is there, and the chart has no room for them. "partial": some bars of one session are there. */
  kind: "missing" | "partial";
  sessions: number;
}

const DAY = 86_400;
const IST = 19_800;
const UNMARKED: ReadonlySet<string> = new Set(["1w", "1M"]);

const dayOf = (t: number): number => Math.floor((t + IST) / DAY);

/** Whether gaps can be told at all: a bar of a week hides a missing session. */
export const hasGaps = (interval: string): boolean => !UNMARKED.has(interval);

/**
 * Where sessions are lacking between the first and the last of `bars`.
 *
 * The last bar's session is never a gap: it may go on. A session that has bars is not missing, whatever `days` say: they
 * tell of one stored interval, and the bars may have come from another or from the stream.
 *
 * @param days ascending, as the API has them.
 */
export function gapsOf(bars: readonly Bar[], days: readonly DayView[]): Gap[] {
  const spans = new Map<number, { first: number; last: number }>();
  bars.forEach(({ t }, i) => {
    const span = spans.get(dayOf(t));
    if (span) span.last = i;
    else spans.set(dayOf(t), { first: i, last: i });
  });
  const [oldest, newest] = [dayOf(bars[0]?.t ?? 0), dayOf(bars.at(-1)?.t ?? 0)];
  const gaps: Gap[] = [];
  for (const { day, state } of days) {
    const number = Date.parse(day) / 1000 / DAY;
    const span = spans.get(number);
    if (number < oldest || number >= newest) continue;
    if (state === "partial" && span) gaps.push({ from: span.first - 0.5, to: span.last + 0.5, kind: "partial", sessions: 1 });
    if (state !== "missing" || span) continue;
    const before = indexAt(bars, number * DAY - IST) ?? 0;
    const last = gaps.at(-1);
    if (last?.kind === "missing" && last.from === before) last.sessions += 1;
    else gaps.push({ from: before, to: before + 1, kind: "missing", sessions: 1 });
  }
  return gaps;
}

/** "3 sessions missing, 1 incomplete"; empty when nothing is. */
export function gapWords(gaps: readonly Gap[]): string {
  const count = (kind: Gap["kind"]): number => gaps.reduce((sum, gap) => sum + (gap.kind === kind ? gap.sessions : 0), 0);
  const [missing, partial] = [count("missing"), count("partial")];
  const named = `${missing} ${missing === 1 ? "session" : "sessions"} missing`;
  if (missing > 0) return partial > 0 ? `${named}, ${partial} incomplete` : named;
  return partial > 0 ? `${partial} ${partial === 1 ? "session" : "sessions"} incomplete` : "";
}

/** Left edge and width of a gap on the screen. One without room is as wide as a bar, within limits, so that it can be seen. */
export function bandOf(gap: Gap, from: number, to: number, barSpacing: number): { x: number; width: number } {
  if (gap.kind === "partial") return { x: from, width: to - from };
  const width = Math.min(24, Math.max(6, barSpacing));
  return { x: (from + to - width) / 2, width };
}
