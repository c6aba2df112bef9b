import { describe, expect, it } from "vitest";

import type { OrderView } from "@/api/generated";

import { isDoubled, leftOf } from "./arming";
import { book, centred, gridOf, isInSight, ownAt, priceOf, rungOf, shifted, topAfter } from "./ladder";

const paise = gridOf("0.05");

describe("the grid", () => {
  it.each([["0.05", 1450.05, "1450.05"], ["0.05", 0.1 + 0.2, "0.30"], ["0.0025", 83.1275, "83.1275"], ["0.01", 2.675, "2.68"], ["1", 512, "512.00"], ["0.05", 24_815.35, "24815.35"]])(
    "with a tick of %s has %d as %s", (tick, price, said) => {
      const grid = gridOf(tick);
      expect(priceOf(grid, rungOf(grid, price))).toBe(said);
    },
  );
  it("has no price that a float would have rounded", () => {
    for (let rung = 1; rung < 40_000; rung += 7) expect(Number(priceOf(paise, rung)) * 100).toBeCloseTo(rung * 5, 6);
  });
  it("adds what waits at one price", () => {
    expect([...book(paise, [[100, 5, 1], [100.001, 7, 1], [99.95, 3, null]])]).toEqual([[2000, 12], [1999, 3]]);
  });
});

describe("where the ladder stands", () => {
  it("begins with the last price in the middle", () => {
    expect(topAfter(null, 17, 2000, true)).toBe(centred(2000, 17));
    expect(centred(2000, 17)).toBe(2008);
    expect(topAfter(null, 17, null, false)).toBeNull();
  });
  it("stays while the price is inside, and follows when it is about to leave", () => {
    const top = centred(2000, 17);
    for (const last of [2006, 2000, 1994]) expect(topAfter(top, 17, last, false)).toBe(top);
    for (const last of [2007, 2030, 1993, 1900]) expect(topAfter(top, 17, last, false)).toBe(centred(last, 17));
  });
  it("does not move while it is held, wherever the price goes", () => {
    for (const last of [1, 1993, 2007, 9999]) expect(topAfter(2008, 17, last, true)).toBe(2008);
  });
  it("keeps the last rung that is known", () => expect(topAfter(2008, 17, null, false)).toBe(2008));
  it("ends above nothing", () => {
    expect(centred(3, 17)).toBe(17);
    expect(shifted(20, 17, -8)).toBe(17);
    expect(shifted(20, 17, 8)).toBe(28);
  });
  it("knows what is in sight", () => expect([2008, 1992, 2009, 1991].map((rung) => isInSight(2008, 17, rung))).toEqual([true, true, false, false]));
});

it("marks what the user's own orders still want, but for those that wait for a trigger", () => {
  const order = (more: Partial<OrderView>): OrderView => ({ id: "a", side: "buy", state: "open", price: "100.00", quantity: "10", filled_quantity: "0", ...more }) as OrderView;
  const own = ownAt(paise, [
    order({}), order({ id: "b", state: "partially_filled", filled_quantity: "4" }), order({ id: "c", side: "sell", price: "100.05" }),
    order({ id: "d", state: "trigger_pending", price: "99.00" }), order({ id: "e", price: null }),
  ]);
  expect([...own.buy]).toEqual([[2000, { ids: ["a", "b"], open: 16 }]]);
  expect([...own.sell]).toEqual([[2001, { ids: ["c"], open: 10 }]]);
});

it("tells a double click from two orders", () => {
  const last = { side: "buy", rung: 2000, at: 1000 } as const;
  expect(isDoubled(null, last, 1000)).toBe(false);
  expect(isDoubled(last, last, 1300)).toBe(true);
  expect(isDoubled(last, { side: "sell", rung: 2000 }, 1300)).toBe(false);
  expect(isDoubled(last, { side: "buy", rung: 2001 }, 1300)).toBe(false);
  expect(isDoubled(last, last, 2000)).toBe(false);
});

it("says what is left", () => expect([300_000, 61_001, 900, -5].map((left) => leftOf(left, 0))).toEqual(["5:00", "1:02", "0:01", "0:00"]));
