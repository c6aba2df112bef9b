import type { IndicatorView } from "@/api/generated";

/** An indicator that somebody put on the chart, its parameters in the catalogue's order. */
export interface Study {
  id: string;
  name: string;
  parameters: number[];
}

/** What the catalogue says of a study, as far as drawing it needs that. */
export type Catalogue = ReadonlyMap<string, IndicatorView>;

/** Offered before anything is searched for: what most people look for. */
export const COMMON = [
  "sma", "ema", "wma", "hma", "vwap", "bbands", "keltner", "donchian", "supertrend", "sar", "pivots",
  "rsi", "macd", "stoch", "adx", "atr", "cci", "willr", "mfi", "obv", "roc", "aroon",
] as const;
const KNOWN = new Set<string>(COMMON);

/** Levels that belong to an oscillator. */
export const GUIDES: Readonly<Record<string, readonly number[]>> = {
  rsi: [30, 70], stoch: [20, 80], mfi: [20, 80], willr: [-80, -20], cci: [-100, 100], stochrsi: [20, 80], macd: [0],
};

/** As the API takes it: `macd:12:26:9`. */
export function specOf({ name, parameters }: Study): string {
  return [name, ...parameters].join(":");
}

/** As people write it: `MACD 12 26 9`. */
export function titleOf({ name, parameters }: Study): string {
  return [name.toUpperCase().replaceAll("_", " "), ...parameters].join(" ");
}

/** Outputs that can be drawn as values; a direction is a flag that would squeeze the prices flat. */
export function drawn(view: IndicatorView): string[] {
  return view.outputs.filter((output) => output !== "direction");
}

/** The name of an output's values in an answer. */
export function keyOf(study: Study, view: IndicatorView, output: string): string {
  return view.outputs.length === 1 ? specOf(study) : `${specOf(study)}.${output}`;
}

export function newStudy(view: IndicatorView, taken: readonly Study[]): Study {
  const used = new Set(taken.map(({ id }) => id));
  let number = 1;
  while (used.has(`${view.name}-${number}`)) number += 1;
  return { id: `${view.name}-${number}`, name: view.name, parameters: view.parameters.map((parameter) => parameter.default) };
}

/** `study` with one parameter set, or null when the catalogue does not allow that value. */
export function withParameter(study: Study, view: IndicatorView, index: number, value: number): Study | null {
  const rule = view.parameters[index];
  if (!rule || !Number.isFinite(value) || value < rule.minimum || value > rule.maximum) return null;
  if (rule.whole && !Number.isInteger(value)) return null;
  return { ...study, parameters: study.parameters.map((now, i) => (i === index ? value : now)) };
}

/** What matches `text`, common ones first; without a text only those. */
export function offered(catalogue: Catalogue, text: string): IndicatorView[] {
  const wanted = text.trim().toLowerCase();
  if (wanted === "") return COMMON.flatMap((name) => catalogue.get(name) ?? []);
  const found = [...catalogue.values()].filter((view) => view.name.includes(wanted) || view.title.toLowerCase().includes(wanted));
  const rank = (view: IndicatorView): number => (view.name === wanted ? 0 : KNOWN.has(view.name) ? 1 : 2);
  return found.sort((a, b) => rank(a) - rank(b) || a.name.localeCompare(b.name));
}

/** Studies out of stored settings, whoever wrote them. */
export function storedStudies(value: unknown): Study[] {
  if (!Array.isArray(value)) return [];
  return value.filter((item): item is Study => {
    const study = item as Partial<Study> | null;
    return typeof study?.id === "string" && typeof study.name === "string" && Array.isArray(study.parameters) && study.parameters.every((n) => typeof n === "number");
  });
}
