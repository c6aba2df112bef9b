import { describe, expect, it } from "vitest";

import { LONGEST_NOTE, noteOf, storedDrawings } from "./drawings";
import { storedHabits } from "./habits";

const anchor = { t: 60, price: 1 };
const other = { t: 120, price: 2.5 };

describe("stored drawings", () => {
  it("are taken as they were stored before there were other kinds", () => {
    const stored = [{ id: "a", kind: "level", price: 5 }, { id: "b", kind: "trend", from: anchor, to: other }];
    expect(storedDrawings(JSON.parse(JSON.stringify(stored)))).toEqual(stored);
  });

  it.each([
    ...["trend", "ray", "rectangle", "fib"].map((kind) => ({ id: "a", kind, from: anchor, to: other })),
    { id: "a", kind: "level", price: 5 },
    { id: "a", kind: "level", price: 5, hidden: true },
    { id: "a", kind: "text", at: anchor, text: "Resistance <b>here</b>" },
  ])("may be $kind", (drawing) => expect(storedDrawings([drawing])).toEqual([drawing]));

  it.each([
    { id: "c", kind: "level" },
    { id: "c", kind: "level", price: null },
    { id: "c", kind: "level", price: "5" },
    { id: "d", kind: "trend", from: anchor },
    { id: "d", kind: "fib", from: anchor, to: { t: "1", price: 2 } },
    { id: "d", kind: "measure", from: anchor, to: other },
    { id: "e", kind: "circle", from: anchor, to: other },
    { id: "f", kind: "text", at: anchor },
    { id: "f", kind: "text", at: anchor, text: "  " },
    { id: "f", kind: "text", text: "Where?" },
    { id: 1, kind: "level", price: 1 },
    { kind: "level", price: 1 },
    "level",
    null,
  ])("leave out what is none, and keep the rest: %j", (bad) => {
    const good = [{ id: "a", kind: "level", price: 5 }, { id: "b", kind: "ray", from: anchor, to: other }];
    expect(storedDrawings([good[0], bad, good[1]])).toEqual(good);
  });

  it("are hidden only when they say so", () => expect(storedDrawings([{ id: "a", kind: "level", price: 5, hidden: "no", more: 1 }])).toEqual([{ id: "a", kind: "level", price: 5 }]));

  it("are a list", () => expect([{ a: 1 }, null, "x"].map(storedDrawings)).toEqual([[], [], []]));
});

it("keeps a note on one line and not too long", () => {
  expect(noteOf("  two\n lines ")).toBe("two lines");
  expect(noteOf("x".repeat(500))).toHaveLength(LONGEST_NOTE);
});

it.each([null, [], "x", { magnet: 1, locked: "yes" }])("has no habits out of %j", (value) => expect(storedHabits(value)).toEqual({ magnet: false, locked: false }));
it("knows habits", () => expect(storedHabits({ magnet: true, locked: true, more: 1 })).toEqual({ magnet: true, locked: true }));
