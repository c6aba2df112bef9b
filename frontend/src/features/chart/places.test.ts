import { expect, it } from "vitest";

import type { Bar } from "./bars";
import { momentAt, placeAt } from "./places";

const barsAt = (...times: number[]): Bar[] => times.map((t) => ({ t, o: 1, h: 1, l: 1, c: 1, v: 0, oi: NaN }));
const NIGHT = barsAt(0, 60, 50_000, 50_060);

it.each([
  [-1, null], [0, 0], [59, 0], [60, 1], [49_999, 1], [50_060, 3], [50_119, 3], [50_120, 4], [50_660, 13],
])("second %i is in bar %s, or in one to come", (t, place) => expect(placeAt(NIGHT, t)).toBe(place));

it("finds its way back", () => {
  for (let place = 0; place < 20; place += 1) expect(placeAt(NIGHT, momentAt(NIGHT, place) ?? NaN)).toBe(place);
  expect(momentAt(NIGHT, -3)).toBe(0);
});

it("knows no place without bars, and takes a single one for a minute", () => {
  expect([placeAt([], 5), momentAt([], 5)]).toEqual([null, null]);
  expect(momentAt(barsAt(600), 2)).toBe(720);
});
