import { useSyncExternalStore } from "react";

export type Theme = "system" | "dark" | "light";
export const THEMES: Readonly<Record<Theme, string>> = { system: "Like the system", dark: "Dark", light: "Light" };
const KEY = "breezeway.theme";
const listeners = new Set<() => void>();

/** The chosen theme; index.html's theme.js sets the attribute before the first paint. */
export function getTheme(): Theme {
  const set = document.documentElement.dataset.theme;
  return set === "dark" || set === "light" ? set : "system";
}

export function setTheme(theme: Theme): void {
  if (theme === "system") delete document.documentElement.dataset.theme;
  else document.documentElement.dataset.theme = theme;
  try {
    localStorage.setItem(KEY, theme);
  } finally {
    for (const listener of listeners) listener();
  }
}

function subscribe(listener: () => void): () => void {
  const media = matchMedia("(prefers-color-scheme: dark)");
  media.addEventListener("change", listener);
  listeners.add(listener);
  return () => {
    media.removeEventListener("change", listener);
    listeners.delete(listener);
  };
}

function isDark(): boolean {
  const theme = getTheme();
  return theme === "system" ? matchMedia("(prefers-color-scheme: dark)").matches : theme === "dark";
}

export const useTheme = (): Theme => useSyncExternalStore(subscribe, getTheme);
export const useIsDark = (): boolean => useSyncExternalStore(subscribe, isDark);
