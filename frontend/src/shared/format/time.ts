import { UNKNOWN } from "./numbers";

// `hour12: false` with en-IN prints midnight as 24:00 on some engines; h23 does not.
const IST = { timeZone: "Asia/Kolkata", hourCycle: "h23" } as const;
const clockFormat = new Intl.DateTimeFormat("en-IN", { ...IST, hour: "2-digit", minute: "2-digit", second: "2-digit" });
const minuteFormat = new Intl.DateTimeFormat("en-IN", { ...IST, hour: "2-digit", minute: "2-digit" });
const dateFormat = new Intl.DateTimeFormat("en-IN", { ...IST, day: "2-digit", month: "short", year: "numeric" });
const weekdayFormat = new Intl.DateTimeFormat("en-IN", { ...IST, weekday: "short", day: "2-digit", month: "short" });
const isoDayFormat = new Intl.DateTimeFormat("en-CA", { timeZone: "Asia/Kolkata" });

/** A point in time: epoch milliseconds or RFC 3339. */
export type Moment = number | string | null | undefined;

function parsed(at: Moment): number | null {
  if (at === null || at === undefined) return null;
  const ms = typeof at === "number" ? at : Date.parse(at);
  return Number.isFinite(ms) ? ms : null;
}

function show(format: Intl.DateTimeFormat, at: Moment): string {
  const ms = parsed(at);
  return ms === null ? UNKNOWN : format.format(ms);
}

/** 15:12:07, Indian time. */
export const clock = (at: Moment): string => show(clockFormat, at);
/** 15:12, Indian time. */
export const minute = (at: Moment): string => show(minuteFormat, at);
/** 20 Nov 2026, Indian day. */
export const day = (at: Moment): string => show(dateFormat, at);
/** Fri, 20 Nov. */
export const weekday = (at: Moment): string => show(weekdayFormat, at);
/** 20 Nov 2026, 15:12:07 IST. */
export const moment = (at: Moment): string => (parsed(at) === null ? UNKNOWN : `${day(at)}, ${clock(at)} IST`);
/** 2026-11-20, the Indian day of a moment. */
export const isoDay = (at: Moment): string => show(isoDayFormat, at);

/** 2h 05m, 3m 20s, 12s. */
export function duration(seconds: number | null | undefined): string {
  if (seconds === null || seconds === undefined || !Number.isFinite(seconds)) return UNKNOWN;
  const whole = Math.max(0, Math.round(seconds));
  const pad = (value: number): string => String(value).padStart(2, "0");
  if (whole >= 3600) return `${Math.floor(whole / 3600)}h ${pad(Math.floor((whole % 3600) / 60))}m`;
  if (whole >= 60) return `${Math.floor(whole / 60)}m ${pad(whole % 60)}s`;
  return `${whole}s`;
}
