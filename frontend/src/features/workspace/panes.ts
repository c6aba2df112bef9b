import { usePreference } from "@/shared/preferences";
import { load, save } from "@/shared/storage/json";

/** What each part of the workspace may measure, in CSS pixels, and what it measures first. */
export const PANES = {
  list: { least: 280, most: 360, first: 300 },
  side: { least: 260, most: 420, first: 300 },
} as const;
export type Pane = keyof typeof PANES;
export type Sizes = Readonly<Record<Pane, number>>;

const KEY = "workspace.panes";
/** What this browser has seen last: for the time until the server has answered. */
const LOCAL = "breezeway.panes";

/** `size` as far as `pane` may have it, in whole pixels. */
export function fitting(pane: Pane, size: number): number {
  const { least, most } = PANES[pane];
  return Math.round(Math.min(most, Math.max(least, size)));
}

/** Sizes out of what is stored, whoever wrote it. */
export function storedSizes(value: unknown): Sizes {
  const stored = value as Partial<Record<Pane, unknown>> | null | undefined;
  const of = (pane: Pane): number => {
    const size = stored?.[pane];
    return typeof size === "number" && Number.isFinite(size) ? fitting(pane, size) : PANES[pane].first;
  };
  return { list: of("list"), side: of("side") };
}

/** Whether somebody has changed a size. */
export const isResized = (sizes: Sizes): boolean => (Object.keys(PANES) as Pane[]).some((pane) => sizes[pane] !== PANES[pane].first);

/** How large the user wants the parts of the workspace to be, on every device. */
export function usePanes() {
  const stored = usePreference(KEY, (value) => storedSizes(value ?? load(LOCAL)));
  function replace(next: Sizes): void {
    save(LOCAL, next);
    stored.change(next);
  }
  return {
    sizes: stored.value,
    error: stored.error,
    resize: (pane: Pane, size: number): void => replace({ ...stored.value, [pane]: fitting(pane, size) }),
    reset: (pane?: Pane): void => replace(pane ? { ...stored.value, [pane]: PANES[pane].first } : storedSizes(null)),
  };
}
