import { expect, it } from "vitest";

import { distance, storedDrawings } from "./drawings";

it.each([
  [{ x: 5, y: 3 }, 3],
  [{ x: -3, y: 4 }, 5],
  [{ x: 13, y: 4 }, 5],
  [{ x: 0, y: 0 }, 0],
])("measures how far %j is from a segment", (point, far) => expect(distance(point, { x: 0, y: 0 }, { x: 10, y: 0 })).toBe(far));

it("measures how far a point is from a point", () => expect(distance({ x: 3, y: 4 }, { x: 0, y: 0 }, { x: 0, y: 0 })).toBe(5));

it("takes only drawings out of what is stored", () => {
  const anchor = { t: 60, price: 1 };
  const good = [{ id: "a", kind: "level", price: 5 }, { id: "b", kind: "trend", from: anchor, to: anchor }];
  expect(storedDrawings([...good, { id: "c", kind: "level" }, { id: "d", kind: "trend", from: anchor }, { kind: "level", price: 1 }, null])).toEqual(good);
  expect(storedDrawings({ a: 1 })).toEqual([]);
});
