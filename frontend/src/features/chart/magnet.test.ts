import { expect, it } from "vitest";

import { snapped } from "./magnet";

const bar = { t: 0, o: 1390, h: 1395, l: 1385, c: 1392, v: 0, oi: NaN };
const heightOf = (price: number): number => (1400 - price) * 10;

it.each([
  [45, 1395],
  [75, 1392],
  [96, 1390],
  [170, 1385],
  [179, null],
  [10, null],
])("snaps the height %i to %s", (y, price) => expect(snapped(bar, y, heightOf)).toBe(price));

it("snaps to nothing that is off the screen", () => expect(snapped(bar, 50, () => null)).toBeNull());
