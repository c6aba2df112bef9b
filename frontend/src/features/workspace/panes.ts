import { useMemo } from "react";

import { usePreference } from "@/shared/preferences";
import { load, save } from "@/shared/storage/json";

/** What each part of the workspace may measure, in CSS pixels, and what it measures first. */
export const PANES = {
  list: { least: 280, most: 360, first: 300 },
  side: { least: 260, most: 420, first: 300 },
  dock: { least: 120, most: 420, first: 220 },
} as const;
export type Pane = keyof typeof PANES;
export type Sizes = Readonly<Record<Pane, number>>;

/** What the dock can show. */
export const TABS = { positions: "Positions", orders: "Orders", trades: "Trades", alerts: "Alerts" } as const;
export type Tab = keyof typeof TABS;

export interface Panes {
  sizes: Sizes;
  /** What the dock shows; null while it is closed. */
  tab: Tab | null;
}

const KEY = "workspace.panes";
/** What this browser has seen last: for the time until the server has answered. */
const LOCAL = "breezeway.panes";

/** `size` as far as `pane` may have it, in whole pixels. */
export function fitting(pane: Pane, size: number): number {
  const { least, most } = PANES[pane];
  return Math.round(Math.min(most, Math.max(least, size)));
}

/** Sizes and the dock's tab out of what is stored, whoever wrote it. */
export function storedPanes(value: unknown): Panes {
  const stored = value as Partial<Record<Pane | "tab", unknown>> | null | undefined;
  const of = (pane: Pane): number => {
    const size = stored?.[pane];
    return typeof size === "number" && Number.isFinite(size) ? fitting(pane, size) : PANES[pane].first;
  };
  return { sizes: { list: of("list"), side: of("side"), dock: of("dock") }, tab: (Object.keys(TABS) as Tab[]).find((tab) => tab === stored?.tab) ?? null };
}

/** Whether somebody has changed a size. */
export const isResized = (sizes: Sizes): boolean => (Object.keys(PANES) as Pane[]).some((pane) => sizes[pane] !== PANES[pane].first);

/** How large the user wants the parts of the workspace to be and what the dock shows, on every device. */
export function usePanes() {
  const stored = usePreference(KEY, (value) => value ?? load(LOCAL));
  const panes = useMemo(() => storedPanes(stored.value), [stored.value]);
  function replace({ sizes, tab }: Panes): void {
    const next = { ...sizes, tab };
    save(LOCAL, next);
    stored.change(next);
  }
  return {
    ...panes,
    error: stored.error,
    resize: (pane: Pane, size: number): void => replace({ ...panes, sizes: { ...panes.sizes, [pane]: fitting(pane, size) } }),
    reset: (pane?: Pane): void => replace({ ...panes, sizes: pane ? { ...panes.sizes, [pane]: PANES[pane].first } : storedPanes(null).sizes }),
    show: (tab: Tab | null): void => replace({ ...panes, tab }),
  };
}
