import { describe, expect, it } from "vitest";

import type { Bar } from "./bars";
import type { Drawing } from "./drawings";
import { handlesOf, shifted, withHandle } from "./edits";

// Four bars, a night between the second and the third.
const bars = [0, 60, 50_000, 50_060].map((t): Bar => ({ t, o: 1, h: 1, l: 1, c: 1, v: 0, oi: NaN }));
const [from, to, at] = [{ t: 0, price: 10 }, { t: 60, price: 20 }, { t: 50_000, price: 15 }];
const line: Drawing = { id: "a", kind: "trend", from, to };
const box: Drawing = { id: "b", kind: "rectangle", from, to };
const note: Drawing = { id: "c", kind: "text", at: from, text: "Here" };
const level: Drawing = { id: "d", kind: "level", price: 10 };

describe("handles", () => {
  it("are the ends, and the corners of a rectangle", () => {
    expect(handlesOf(line)).toEqual([from, to]);
    expect(handlesOf(box)).toEqual([from, to, { t: 0, price: 20 }, { t: 60, price: 10 }]);
    expect([note, level].flatMap(handlesOf)).toEqual([]);
  });

  it("move what they belong to, and nothing else", () => {
    expect(withHandle(line, 0, at)).toEqual({ ...line, from: at });
    expect(withHandle(line, 1, at)).toEqual({ ...line, to: at });
    expect(withHandle(level, 0, at)).toBe(level);
  });

  it.each([0, 1, 2, 3])("take corner %i of a rectangle to the pointer, and leave the one across where it is", (handle) => {
    const before = handlesOf(box);
    const after = handlesOf(withHandle(box, handle, at));
    const across = [1, 0, 3, 2][handle] ?? 0;
    expect(after[handle]).toEqual(at);
    expect(after[across]).toEqual(before[across]);
  });
});

describe("moving the whole", () => {
  it("goes by bars, so that it stays as wide over a night", () => {
    expect(shifted(line, { t: 0, price: 5 }, { t: 60, price: 5.05 }, bars)).toEqual({ ...line, from: { t: 60, price: 10.05 }, to: { t: 50_000, price: 20.05 } });
    expect(shifted(note, { t: 60, price: 5 }, { t: 50_060, price: 4 }, bars)).toEqual({ ...note, at: { t: 50_000, price: 9 } });
  });

  it("goes beyond the last bar, and stops at the first", () => {
    const there = shifted(line, { t: 0, price: 5 }, { t: 50_060, price: 5 }, bars);
    expect(there).toEqual({ ...line, from: { t: 50_060, price: 10 }, to: { t: 50_120, price: 20 } });
    expect(shifted(there, { t: 50_120, price: 5 }, { t: 0, price: 5 }, bars)).toEqual(line);
    expect(shifted(line, { t: 60, price: 5 }, { t: 0, price: 5 }, bars)).toEqual(line);
  });

  it("takes a level up and down only", () => expect(shifted(level, { t: 0, price: 5 }, { t: 60, price: 5.1 }, bars)).toEqual({ ...level, price: 10.1 }));

  it("goes up and down only while one of its ends is not loaded", () => {
    const older: Drawing = { ...box, from: { t: -9_000, price: 10 } };
    expect(shifted(older, { t: 0, price: 1 }, { t: 60, price: 3 }, bars)).toEqual({ ...older, from: { t: -9_000, price: 12 }, to: { t: 60, price: 22 } });
  });

  it("keeps the time of what only goes up and down in a longer interval", () => {
    const inside: Drawing = { ...note, at: { t: 30, price: 10 } };
    expect(shifted(inside, { t: 0, price: 1 }, { t: 0, price: 2 }, bars)).toEqual({ ...inside, at: { t: 30, price: 11 } });
  });
});
