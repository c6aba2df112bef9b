/** Indicators over closing prices, one value a bar; NaN until there are enough bars. */

export function sma(closes: readonly number[], length: number): number[] {
  let sum = 0;
  return closes.map((close, i) => {
    sum += close - (i >= length ? (closes[i - length] ?? 0) : 0);
    return i >= length - 1 ? sum / length : NaN;
  });
}

/** Seeded with the SMA of the first `length` closes, as TA-Lib does. */
export function ema(closes: readonly number[], length: number): number[] {
  const weight = 2 / (length + 1);
  let value = NaN;
  let sum = 0;
  return closes.map((close, i) => {
    if (i < length) sum += close;
    if (i === length - 1) value = sum / length;
    else if (i >= length) value += weight * (close - value);
    return value;
  });
}

/** Wilder's; a window without losses is 100. */
export function rsi(closes: readonly number[], length: number): number[] {
  let gain = 0;
  let loss = 0;
  return closes.map((close, i) => {
    if (i === 0) return NaN;
    const change = close - (closes[i - 1] ?? close);
    const [up, down] = [Math.max(change, 0), Math.max(-change, 0)];
    if (i <= length) {
      gain += up / length;
      loss += down / length;
    } else {
      gain += (up - gain) / length;
      loss += (down - loss) / length;
    }
    if (i < length) return NaN;
    return loss === 0 ? (gain === 0 ? 50 : 100) : 100 - 100 / (1 + gain / loss);
  });
}

export type StudyKind = "sma" | "ema" | "rsi";
export interface Study {
  kind: StudyKind;
  length: number;
}

const COMPUTE: Record<StudyKind, (closes: readonly number[], length: number) => number[]> = { sma, ema, rsi };

export function compute(study: Study, closes: readonly number[]): number[] {
  return COMPUTE[study.kind](closes, study.length);
}

export function studyName({ kind, length }: Study): string {
  return `${kind.toUpperCase()} ${length}`;
}
