/** What a key does, and how it is named in the map of the shortcuts. */
interface Binding {
  /** "Mod" is Ctrl, or Command on a Mac; "1–9" any of these digits; letters in upper case. */
  keys: readonly string[];
  does: string;
  /** Also where somebody types or inside a dialog, where keys without Ctrl or Alt have another meaning; false: not even with them. */
  typing?: boolean;
}

/** Every shortcut of the app, by where it works. What is here has to be handled (see `actOn`), and the map shows it. */
export const KEYS = {
  everywhere: {
    search: { keys: ["Mod+K", "/"], does: "Search an instrument" },
    map: { keys: ["?"], does: "Show these shortcuts" },
  },
  search: {
    next: { keys: ["ArrowDown"], does: "Go to the next one found", typing: true },
    previous: { keys: ["ArrowUp"], does: "Go to the one before", typing: true },
    choose: { keys: ["Enter"], does: "Take it", typing: true },
  },
  workspace: {
    list: { keys: ["Alt+1–9"], does: "Show the watchlist of that number" },
  },
  watchlist: {
    next: { keys: ["ArrowDown"], does: "Go to the next instrument" },
    previous: { keys: ["ArrowUp"], does: "Go to the one before" },
    choose: { keys: ["Enter"], does: "Show its chart" },
    down: { keys: ["Alt+ArrowDown"], does: "Move it down" },
    up: { keys: ["Alt+ArrowUp"], does: "Move it up" },
    remove: { keys: ["Delete"], does: "Remove it; it can be put back" },
    alert: { keys: ["A"], does: "See or set its alerts" },
    buy: { keys: ["B"], does: "Fill in an order that buys it" },
    sell: { keys: ["S"], does: "Fill in an order that sells it" },
    depth: { keys: ["D"], does: "Show its depth" },
  },
  chart: {
    cancel: { keys: ["Escape"], does: "Put back what is dragged, put the tool down, select nothing" },
    remove: { keys: ["Delete", "Backspace"], does: "Delete the selected drawing" },
    undo: { keys: ["Mod+Z"], does: "Take back the last change of the drawings", typing: false },
    redo: { keys: ["Mod+Shift+Z", "Mod+Y"], does: "Do it again", typing: false },
  },
  splitter: {
    back: { keys: ["ArrowLeft", "ArrowUp"], does: "Move it left or up" },
    forth: { keys: ["ArrowRight", "ArrowDown"], does: "Move it right or down" },
    least: { keys: ["Home"], does: "Make the part as small as it gets" },
    most: { keys: ["End"], does: "Make the part as large as it gets" },
    reset: { keys: ["Enter"], does: "Back to its first size" },
  },
  ladder: {
    higher: { keys: ["ArrowUp"], does: "Go to the price above" },
    lower: { keys: ["ArrowDown"], does: "Go to the price below" },
    centre: { keys: ["Space"], does: "Bring the last price to the middle" },
    buy: { keys: ["B"], does: "Buy at this price, once armed" },
    sell: { keys: ["S"], does: "Sell at this price, once armed" },
    cancel: { keys: ["Delete"], does: "Cancel your own orders at this price, once armed" },
    disarm: { keys: ["Escape"], does: "End click trading", typing: true },
  },
  side: {
    close: { keys: ["Escape"], does: "Close the drawer of depth and order", typing: true },
  },
} as const satisfies Record<string, Record<string, Binding>>;

export type Place = keyof typeof KEYS;
export type Action<P extends Place> = keyof (typeof KEYS)[P] & string;

export const PLACES: Readonly<Record<Place, string>> = {
  everywhere: "Everywhere", search: "Search", workspace: "Workspace", watchlist: "A row of the watchlist", chart: "Chart", splitter: "The edge of a part of the workspace", ladder: "A price of the ladder", side: "Depth and order",
};

/** A key event of the browser's or of React's. */
export interface KeyPress {
  readonly key: string;
  readonly code: string;
  readonly ctrlKey: boolean;
  readonly metaKey: boolean;
  readonly altKey: boolean;
  readonly shiftKey: boolean;
  readonly target: EventTarget | null;
  preventDefault(): void;
}

const TAKES_KEYS = "input, select, textarea, [contenteditable], [role=dialog], [role=alertdialog], [role=menu]";

function partsOf(chord: string): { key: string; mod: boolean; alt: boolean; shift: boolean } {
  const parts = chord.split("+");
  return { key: parts.at(-1) ?? "", mod: parts.includes("Mod"), alt: parts.includes("Alt"), shift: parts.includes("Shift") };
}

/** A letter, or a sign that is typed like one. These can be switched off: speech and stray touches press them, too. */
export function isCharacter(chord: string): boolean {
  const { key, mod, alt } = partsOf(chord);
  return key.length === 1 && !mod && !alt;
}

function isPressed(chord: string, event: KeyPress): boolean {
  const { key, mod, alt, shift } = partsOf(chord);
  if (mod !== (event.ctrlKey || event.metaKey) || alt !== event.altKey) return false;
  // Only with Ctrl: signs like "?" are typed with Shift on one keyboard and without it on another.
  if (mod && shift !== event.shiftKey) return false;
  // By its place: with Alt, a Mac's keyboard makes another character of it.
  if (key === "Space") return event.code === "Space" || event.key === " ";
  return key === "1–9" ? /^Digit[1-9]$/.test(event.code) : event.key.toLowerCase() === key.toLowerCase();
}

/** What `event` asks for at `place`; null for nothing. */
export function actionOf<P extends Place>(place: P, event: KeyPress, characters: boolean): Action<P> | null {
  const taken = event.target instanceof Element && event.target.closest(TAKES_KEYS) !== null;
  for (const [action, { keys, typing }] of Object.entries(KEYS[place]) as [Action<P>, Binding][]) {
    const chord = keys.find((each) => isPressed(each, event));
    if (chord === undefined || (isCharacter(chord) && !characters)) continue;
    const modified = chord.includes("+");
    return taken && (typing === undefined ? !modified : !typing) ? null : action;
  }
  return null;
}

/** Whether keys that are characters do something; `useDisplay` sets it. */
export const charactersAreOn = (): boolean => document.documentElement.dataset.characters !== "off";

/** Do what a key asks for. A handler that answers false had nothing to do, and the key keeps its ordinary meaning. */
export function actOn<P extends Place, E extends KeyPress>(place: P, event: E, handlers: Readonly<Record<Action<P>, (event: E) => unknown>>): void {
  const action = actionOf(place, event, charactersAreOn());
  if (action !== null && handlers[action](event) !== false) event.preventDefault();
}

const SIGNS: Readonly<Record<string, string>> = { ArrowDown: "↓", ArrowUp: "↑", ArrowLeft: "←", ArrowRight: "→", Escape: "Esc" };

/** "Ctrl K": the keys of a chord as they are written on the keyboard. */
export function keyNames(chord: string, mac: boolean): string[] {
  return chord.split("+").map((part) => (part === "Mod" ? (mac ? "⌘" : "Ctrl") : part === "Alt" && mac ? "⌥" : (SIGNS[part] ?? part)));
}
