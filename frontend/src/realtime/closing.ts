import { CLOSE_CODES } from "./closeCodes.generated";

/** What to do after the stream was closed. `pauseMs` null: with growing back-off. */
export type Next =
  | { action: "reconnect"; pauseMs: [least: number, most: number] | null }
  | { action: "authenticate" }
  | { action: "stop"; reason: string };

const SOON: [number, number] = [0, 3_000];
const SLOW: [number, number] = [5_000, 15_000];

/** The close-code table. Unknown codes follow their range: 4400-4499 come back, 4500-4599 do not. */
export function afterClose(code: number): Next {
  switch (code) {
    case 1000:
    case 1001:
    case 1012:
    case 4410:
      return { action: "reconnect", pauseMs: SOON };
    case 4401:
      return { action: "authenticate" };
    case 4408:
      return { action: "reconnect", pauseMs: SLOW };
  }
  const known = CLOSE_CODES[code];
  const stop = known ? !known.reconnect : code >= 4500 && code <= 4599;
  return stop ? { action: "stop", reason: known?.name ?? `code ${code}` } : { action: "reconnect", pauseMs: null };
}

/** Full jitter: anything from nothing to a ceiling that doubles with each failure, so that clients do not return in step. */
export function backoffMs(failures: number, random: () => number = Math.random): number {
  const ceiling = Math.min(30_000, 500 * 2 ** Math.min(failures, 10));
  return Math.round(random() * ceiling);
}

export function between([least, most]: [number, number], random: () => number = Math.random): number {
  return Math.round(least + random() * (most - least));
}
