import { describe, expect, it } from "vitest";

import { changed, savedAs, storedLayouts, without } from "./layout";

describe("layouts", () => {
  it.each([null, 5, {}, { layouts: "x" }, { layouts: [null, { name: "" }, 3] }])("are never none: %j", (stored) => {
    const all = storedLayouts(stored);
    expect(all.layouts).toHaveLength(1);
    expect(all.current).toBe(all.layouts[0]?.name);
  });
  it("keep what is known of a stored one", () => {
    const [layout] = storedLayouts({ layouts: [{ name: "A", interval: "7m", compare: 5, interest: true }] }).layouts;
    expect(layout).toEqual({ name: "A", interval: "15m", studies: [], interest: true, compare: null });
  });
  it("change the current one only", () => {
    const two = savedAs(changed(storedLayouts(null), { interval: "1d" }), "Days");
    expect(two.current).toBe("Days");
    const later = changed(two, { interval: "1w" });
    expect(later.layouts.map(({ name, interval }) => [name, interval])).toEqual([["Default", "1d"], ["Days", "1w"]]);
    expect(savedAs(later, "Default").layouts).toHaveLength(2);
  });
  it("leave another one when the current one goes", () => {
    const two = savedAs(storedLayouts(null), "Mine");
    expect(without(two, "Mine").current).toBe("Default");
    expect(without(without(two, "Mine"), "Default").layouts).toHaveLength(1);
  });
});
