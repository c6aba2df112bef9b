import { afterEach, describe, expect, it } from "vitest";

import { actionOf, actOn, isCharacter, keyNames, KEYS, type KeyPress, type Place, PLACES } from "./keys";

function press(key: string, { target = document.body as EventTarget, ...more }: Partial<KeyPress> = {}) {
  const event = { key, code: "", ctrlKey: false, metaKey: false, altKey: false, shiftKey: false, target, prevented: false, preventDefault: () => void (event.prevented = true), ...more };
  return event;
}

function inside(html: string): EventTarget {
  document.body.innerHTML = html;
  const found = document.querySelector("[data-here]");
  if (!found) throw new Error("nothing is marked");
  return found;
}

afterEach(() => {
  document.body.replaceChildren();
  delete document.documentElement.dataset.characters;
});

describe("which key asks for what", () => {
  it("knows the keys of a place, and only of that place", () => {
    expect(actionOf("everywhere", press("/"), true)).toBe("search");
    expect(actionOf("everywhere", press("?"), true)).toBe("map");
    expect(actionOf("watchlist", press("a"), true)).toBe("alert");
    expect(actionOf("watchlist", press("A"), true)).toBe("alert");
    expect(["b", "s", "d"].map((key) => actionOf("watchlist", press(key), true))).toEqual(["buy", "sell", "depth"]);
    expect(actionOf("everywhere", press("a"), true)).toBeNull();
    expect(actionOf("chart", press("Backspace"), true)).toBe("remove");
  });

  it("tells a key from the same key with Ctrl, Command or Alt", () => {
    expect(actionOf("everywhere", press("k", { ctrlKey: true }), true)).toBe("search");
    expect(actionOf("everywhere", press("K", { metaKey: true }), true)).toBe("search");
    expect(actionOf("everywhere", press("k"), true)).toBeNull();
    expect(actionOf("watchlist", press("a", { ctrlKey: true }), true)).toBeNull();
    expect(actionOf("watchlist", press("ArrowDown"), true)).toBe("next");
    expect(actionOf("watchlist", press("ArrowDown", { altKey: true }), true)).toBe("down");
  });

  it("tells Ctrl with Shift from Ctrl, and leaves both to a text that is typed", () => {
    expect(actionOf("chart", press("z", { ctrlKey: true }), true)).toBe("undo");
    expect(actionOf("chart", press("Z", { ctrlKey: true, shiftKey: true }), true)).toBe("redo");
    expect(actionOf("chart", press("y", { metaKey: true }), true)).toBe("redo");
    expect(actionOf("everywhere", press("?", { shiftKey: true }), true)).toBe("map");
    const target = inside("<input data-here>");
    expect(actionOf("chart", press("z", { ctrlKey: true, target }), true)).toBeNull();
  });

  it("takes digits by their place on the keyboard", () => {
    expect(actionOf("workspace", press("¡", { altKey: true, code: "Digit1" }), true)).toBe("list");
    expect(actionOf("workspace", press("0", { altKey: true, code: "Digit0" }), true)).toBeNull();
    expect(actionOf("workspace", press("1", { code: "Digit1" }), true)).toBeNull();
  });

  it.each(["<input data-here>", "<textarea data-here></textarea>", "<select data-here></select>", '<p contenteditable="true"><b data-here></b></p>', '<div role="dialog"><button data-here></button></div>', '<ul role="menu"><li data-here></li></ul>'])(
    "leaves keys alone in %s, but for those with Ctrl or Alt",
    (html) => {
      const target = inside(html);
      expect(actionOf("everywhere", press("/", { target }), true)).toBeNull();
      expect(actionOf("everywhere", press("?", { target }), true)).toBeNull();
      expect(actionOf("chart", press("Backspace", { target }), true)).toBeNull();
      expect(actionOf("everywhere", press("k", { target, ctrlKey: true }), true)).toBe("search");
      expect(actionOf("workspace", press("2", { target, altKey: true, code: "Digit2" }), true)).toBe("list");
      expect(actionOf("search", press("ArrowDown", { target }), true)).toBe("next");
    },
  );

  it("takes no character while they are switched off", () => {
    expect(actionOf("everywhere", press("/"), false)).toBeNull();
    expect(actionOf("everywhere", press("?"), false)).toBeNull();
    expect(actionOf("watchlist", press("a"), false)).toBeNull();
    expect(actionOf("everywhere", press("k", { ctrlKey: true }), false)).toBe("search");
    expect(actionOf("watchlist", press("Delete"), false)).toBe("remove");
    expect(actionOf("ladder", press(" ", { code: "Space" }), false)).toBe("centre");
    expect(actionOf("ladder", press("b"), false)).toBeNull();
  });
});

describe("doing it", () => {
  const nothing = { cancel: () => false, remove: () => false, undo: () => false, redo: () => false };

  it("keeps the browser from its own use of the key", () => {
    const done: string[] = [];
    const event = press("Escape");
    actOn("chart", event, { ...nothing, cancel: () => void done.push("cancel") });
    expect(done).toEqual(["cancel"]);
    expect(event.prevented).toBe(true);
  });

  it("leaves the key its meaning where there is nothing to do", () => {
    const event = press("Escape");
    actOn("chart", event, nothing);
    expect(event.prevented).toBe(false);
  });

  it("heeds the setting on the page", () => {
    document.documentElement.dataset.characters = "off";
    const done: string[] = [];
    const handlers = { search: () => done.push("search"), map: () => done.push("map") };
    actOn("everywhere", press("?"), handlers);
    actOn("everywhere", press("k", { ctrlKey: true }), handlers);
    expect(done).toEqual(["search"]);
  });
});

describe("the table", () => {
  const places = Object.keys(KEYS) as Place[];

  it.each(places)("has one meaning for each key at %s", (place) => {
    const chords = Object.values(KEYS[place]).flatMap(({ keys }: { keys: readonly string[] }) => [...keys]);
    expect(new Set(chords).size).toBe(chords.length);
    expect(PLACES[place]).not.toBe("");
  });

  it("writes keys as they stand on the keyboard", () => {
    expect(keyNames("Mod+K", false)).toEqual(["Ctrl", "K"]);
    expect(keyNames("Mod+K", true)).toEqual(["⌘", "K"]);
    expect(keyNames("Alt+ArrowDown", false)).toEqual(["Alt", "↓"]);
    expect(["A", "/", "?"].every(isCharacter)).toBe(true);
    expect(["Mod+K", "Alt+1–9", "Delete"].some(isCharacter)).toBe(false);
  });
});
