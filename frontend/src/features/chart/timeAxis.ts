import { day, minute, weekday } from "@/shared/format/time";

/**
 * Words under the chart, in Indian time.
 *
 * The axis stays UTC and only its words are Indian: shifting the times would take seconds for long histories.
 *
 * @param kind what begins there: 0 a year, 1 a month, 2 a day, else a time of day.
 */
export function axisWords(seconds: number, kind: number): string {
  if (kind <= 1) return day(seconds * 1000).slice(3);
  return kind === 2 ? weekday(seconds * 1000).slice(-6) : minute(seconds * 1000);
}
