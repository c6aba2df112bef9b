import { HistogramSeries, type IChartApi, type ISeriesApi, LineSeries, LineStyle, type UTCTimestamp } from "lightweight-charts";

import type { CandlesView, IndicatorView } from "@/api/generated";

import type { Bar } from "./bars";
import { drawn, GUIDES, keyOf, type Study, specOf, titleOf } from "./studies";

type StudySeries = ISeriesApi<"Line"> | ISeriesApi<"Histogram">;

interface Entry {
  study: Study;
  view: IndicatorView;
  series: Map<string, StudySeries>;
}

/** A study's value in the legend. */
export interface Reading {
  title: string;
  colour: string;
  value: number;
}

const PANE_SHARE = 0.28;
const POINTS = new Set(["sar", "sarext"]);

/** The studies of a chart: their series, and the values that the server computed, by the time of the bar. */
export class StudyLayer {
  private readonly entries = new Map<string, Entry>();
  private readonly values = new Map<string, Map<number, number>>();
  private palette: readonly string[] = [];
  private drawnTo = -Infinity;
  /** What was asked for over all bars; a live bar's values alone do not make a study complete. */
  private readonly complete = new Set<string>();

  constructor(private readonly chart: IChartApi) {}

  /** Take `studies`, keeping the series of those that were there, and draw what is known of them. */
  set(studies: readonly { study: Study; view: IndicatorView }[], bars: readonly Bar[]): void {
    const wanted = new Set(studies.map(({ study }) => study.id));
    for (const [id, entry] of this.entries) {
      if (wanted.has(id)) continue;
      for (const series of entry.series.values()) this.chart.removeSeries(series);
      this.entries.delete(id);
    }
    for (const { study, view } of studies) {
      const entry = this.entries.get(study.id);
      if (entry) entry.study = study;
      else this.entries.set(study.id, { study, view, series: this.addSeries(view) });
    }
    const used = new Set<string>();
    this.each((_, key) => used.add(key));
    for (const key of this.values.keys()) if (!used.has(key)) this.values.delete(key);
    const specs = new Set(this.specs());
    for (const spec of this.complete) if (!specs.has(spec)) this.complete.delete(spec);
    this.chart.panes().slice(1).forEach((pane) => pane.setStretchFactor(PANE_SHARE));
    this.paint();
    this.draw(bars);
  }

  /** Which studies lack values, as the API takes them. */
  missing(): string[] {
    return this.specs().filter((spec) => !this.complete.has(spec));
  }

  specs(): string[] {
    return [...this.entries.values()].map(({ study }) => specOf(study));
  }

  /** Forget all values: other bars come. */
  clear(): void {
    this.values.clear();
    this.complete.clear();
  }

  /** Take the values of `specs` over all bars. */
  fill(page: CandlesView, specs: readonly string[]): void {
    this.merge(page);
    for (const spec of specs) this.complete.add(spec);
  }

  /** Take values of some bars. */
  merge({ t, indicators = {} }: CandlesView): void {
    for (const [key, values] of Object.entries(indicators)) {
      const known = this.values.get(key) ?? new Map<number, number>();
      this.values.set(key, known);
      values.forEach((value, i) => {
        const time = t[i];
        if (time !== undefined && value !== null) known.set(time, value);
      });
    }
  }

  draw(bars: readonly Bar[]): void {
    this.each((series, key) => {
      const values = this.values.get(key);
      series.setData(bars.map((bar) => this.point(bar.t, values)));
    });
    this.drawnTo = bars.at(-1)?.t ?? -Infinity;
  }

  /** Draw the bars from `from` on, which are the newest. */
  update(bars: readonly Bar[], from: number): void {
    this.each((series, key) => {
      const values = this.values.get(key);
      for (const bar of bars.slice(from)) series.update(this.point(bar.t, values), bar.t < this.drawnTo);
    });
    this.drawnTo = bars.at(-1)?.t ?? this.drawnTo;
  }

  theme(palette: readonly string[]): void {
    this.palette = palette;
    this.paint();
  }

  readings(t: number): Reading[] {
    const found: Reading[] = [];
    let index = 0;
    for (const { study, view } of this.entries.values()) {
      for (const [i, output] of drawn(view).entries()) {
        const words = view.outputs.length === 1 ? [titleOf(study)] : [...(i === 0 ? [titleOf(study)] : []), output.replaceAll("_", " ")];
        const title = words.join(" ");
        found.push({ title, colour: this.colour(index++), value: this.values.get(keyOf(study, view, output))?.get(t) ?? NaN });
      }
    }
    return found;
  }

  private addSeries(view: IndicatorView): Map<string, StudySeries> {
    const pane = view.overlay ? 0 : this.chart.panes().length;
    const quiet = { priceLineVisible: false, lastValueVisible: false };
    const made = new Map<string, StudySeries>();
    for (const output of drawn(view)) {
      const bars = output === "histogram" || view.name.startsWith("cdl");
      const points = POINTS.has(view.name) ? { lineVisible: false, pointMarkersVisible: true, pointMarkersRadius: 2 } : {};
      made.set(output, bars
        ? this.chart.addSeries(HistogramSeries, quiet, pane)
        : this.chart.addSeries(LineSeries, { ...quiet, ...points, lineWidth: 2, crosshairMarkerVisible: false }, pane));
    }
    const [first] = made.values();
    for (const level of GUIDES[view.name] ?? []) {
      first?.createPriceLine({ price: level, color: "#8886", lineWidth: 1, lineStyle: LineStyle.Dashed, axisLabelVisible: false, title: "" });
    }
    return made;
  }

  private paint(): void {
    let index = 0;
    this.each((series) => series.applyOptions({ color: this.colour(index++) }));
  }

  private colour(index: number): string {
    return this.palette[index % Math.max(1, this.palette.length)] ?? "#888888";
  }

  private each(act: (series: StudySeries, key: string) => void): void {
    for (const { study, view, series } of this.entries.values()) {
      for (const [output, one] of series) act(one, keyOf(study, view, output));
    }
  }

  private point(t: number, values: ReadonlyMap<number, number> | undefined) {
    const time = t as UTCTimestamp;
    const value = values?.get(t);
    return value === undefined ? { time } : { time, value };
  }
}
