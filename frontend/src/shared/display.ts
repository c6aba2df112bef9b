import { useLayoutEffect } from "react";

import { usePreference } from "@/shared/preferences";
import { load, save } from "@/shared/storage/json";

export const DENSITIES = { standard: "Standard", "24": "Compact, 24 px", "28": "Medium, 28 px", "36": "Wide, 36 px" } as const;
export type Density = keyof typeof DENSITIES;

/** How the user wants pages to be, whichever page it is. */
export interface Display {
  /** Height of the rows of lists and tables. */
  density: Density;
  /** Whether keys that are characters (A, /, ?) are shortcuts. */
  characters: boolean;
}

const KEY = "display";
/** What this browser has seen last: for the time until the server has answered. */
const LOCAL = "breezeway.display";

/** Settings out of what is stored, whoever wrote it. */
export function storedDisplay(value: unknown): Display {
  const stored = value as Partial<Record<keyof Display, unknown>> | null | undefined;
  const density = (Object.keys(DENSITIES) as Density[]).find((known) => known === stored?.density);
  return { density: density ?? "standard", characters: stored?.characters !== false };
}

export function useDisplay() {
  const stored = usePreference(KEY, (value) => storedDisplay(value ?? load(LOCAL)));
  return {
    display: stored.value,
    error: stored.error,
    change: (change: Partial<Display>): void => {
      const next = { ...stored.value, ...change };
      save(LOCAL, next);
      stored.change(next);
    },
  };
}

/** Puts the settings where the styles and the keys look for them, before anything is painted. */
export function useDisplayOnPage(): void {
  const { density, characters } = useDisplay().display;
  useLayoutEffect(() => {
    const { dataset } = document.documentElement;
    dataset.density = density;
    dataset.characters = characters ? "on" : "off";
  }, [density, characters]);
}
