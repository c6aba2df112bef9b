import type { DayView } from "@/api/generated";

/** A cell of the calendar: column is the week, row the weekday (Monday 0). */
export interface HeatCell {
  day: DayView;
  column: number;
  row: number;
  /** 0 (nothing) to 4 (complete); null on holidays and before the listing. */
  step: number | null;
}

const DAY = 86_400_000;

function weekOf(isoDate: string): { week: number; row: number } {
  // 1970-01-01 was a Thursday: shifted by three days, weeks begin on Monday.
  const days = Math.floor(Date.parse(`${isoDate}T00:00:00Z`) / DAY) + 3;
  return { week: Math.floor(days / 7), row: days % 7 };
}

export function heatStep({ state, bars, expected }: DayView): number | null {
  if (state === "holiday" || state === "not_listed") return null;
  if (state === "complete") return 4;
  if (bars === 0 || expected === 0) return 0;
  return Math.min(3, Math.max(1, Math.ceil((bars / expected) * 3)));
}

export function heatCells(days: readonly DayView[]): HeatCell[] {
  const first = days[0] ? weekOf(days[0].day).week : 0;
  return days.map((day) => {
    const { week, row } = weekOf(day.day);
    return { day, column: week - first, row, step: heatStep(day) };
  });
}

/** The months above the calendar: each where its first column is. */
export function months(cells: readonly HeatCell[]): { name: string; column: number }[] {
  const seen: { name: string; column: number; key: string }[] = [];
  const format = new Intl.DateTimeFormat("en-IN", { month: "short", timeZone: "UTC" });
  for (const { day, column } of cells) {
    const key = day.day.slice(0, 7);
    const last = seen.at(-1);
    if (last?.key === key || last?.column === column) continue;
    seen.push({ key, column, name: format.format(Date.parse(`${day.day}T00:00:00Z`)) });
  }
  return seen.map(({ name, column }) => ({ name, column }));
}
