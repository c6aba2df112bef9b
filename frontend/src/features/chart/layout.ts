import { load, save } from "@/shared/storage/json";
import { usePreference } from "@/shared/preferences";

import { type Study, storedStudies } from "./studies";

export const INTERVALS = ["1s", "5s", "1m", "3m", "5m", "10m", "15m", "30m", "1h", "2h", "4h", "1d", "1w", "1M"] as const;

/** How a chart looks, whatever instrument it shows. */
export interface Layout {
  name: string;
  interval: string;
  studies: Study[];
  /** Open interest in a pane. */
  interest: boolean;
  /** The symbol beside it. */
  compare: string | null;
}

export interface Layouts {
  current: string;
  layouts: Layout[];
}

const KEY = "chart.layouts";
/** The last layouts that this browser has seen: what is drawn before the server has answered. */
const LOCAL = "breezeway.chart";
const FIRST: Layout = { name: "Default", interval: "15m", studies: [], interest: false, compare: null };

function storedLayout(value: unknown): Layout[] {
  const layout = value as Partial<Layout> | null;
  if (typeof layout?.name !== "string" || layout.name === "") return [];
  return [{
    name: layout.name,
    interval: INTERVALS.find((known) => known === layout.interval) ?? FIRST.interval,
    studies: storedStudies(layout.studies),
    interest: layout.interest === true,
    compare: typeof layout.compare === "string" ? layout.compare : null,
  }];
}

/** Layouts out of what is stored, whoever wrote it; there is always one, and always a current one. */
export function storedLayouts(value: unknown): Layouts {
  const stored = value as Partial<Layouts> | null;
  const layouts = Array.isArray(stored?.layouts) ? stored.layouts.flatMap(storedLayout) : [];
  if (layouts.length === 0) layouts.push(FIRST);
  const current = layouts.find(({ name }) => name === stored?.current) ?? layouts[0] ?? FIRST;
  return { current: current.name, layouts };
}

export function changed(all: Layouts, change: Partial<Layout>): Layouts {
  return { ...all, layouts: all.layouts.map((layout) => (layout.name === all.current ? { ...layout, ...change } : layout)) };
}

/** The present layout under another name, which becomes the current one; one of that name is replaced. */
export function savedAs(all: Layouts, name: string): Layouts {
  const now = all.layouts.find((layout) => layout.name === all.current) ?? FIRST;
  return { current: name, layouts: [...all.layouts.filter((layout) => layout.name !== name), { ...now, name }] };
}

export function without(all: Layouts, name: string): Layouts {
  return storedLayouts({ current: all.current, layouts: all.layouts.filter((layout) => layout.name !== name) });
}

/** The user's layouts. Each change is stored in the current one. */
export function useLayouts() {
  const stored = usePreference(KEY, (value) => storedLayouts(value ?? load(LOCAL)));
  const all = stored.value;
  function replace(next: Layouts): void {
    save(LOCAL, next);
    stored.change(next);
  }
  return {
    all,
    layout: all.layouts.find(({ name }) => name === all.current) ?? FIRST,
    change: (change: Partial<Layout>) => replace(changed(all, change)),
    replace,
    failed: stored.error,
  };
}
