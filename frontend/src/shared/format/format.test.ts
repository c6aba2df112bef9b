import { describe, expect, it } from "vitest";

import { compact, decimalsOf, integer, percent, price, rupees, signed, UNKNOWN } from "./numbers";
import { clock, day, duration, isoDay } from "./time";

describe("numbers", () => {
  it("groups the Indian way", () => {
    expect(price(1234567.5)).toBe("12,34,567.50");
    expect(integer(10000000)).toBe("1,00,00,000");
  });
  it("never shows an unknown as zero", () => {
    for (const value of [null, undefined, NaN, Infinity]) expect([price(value), integer(value), percent(value), compact(value)]).toEqual(Array(4).fill(UNKNOWN));
  });
  it("signs changes", () => expect([signed(1.5), signed(-1.5), percent(0)]).toEqual(["+1.50", "-1.50", "0.00%"]));
  it.each([[999, "999"], [1234, "1.23K"], [123456, "1.23L"], [12345678, "1.23Cr"], [-250000, "-2.50L"]])("%d is %s", (value, shown) => expect(compact(value)).toBe(shown));
  it.each([["10676.25", "₹10,676.25"], ["1234567", "₹12,34,567.00"], ["-5", "-₹5.00"], ["x", UNKNOWN]])("%s is %s", (amount, shown) => expect(rupees(amount)).toBe(shown));
  it("keeps every digit of a sum no float could hold", () => expect(rupees("123456789012345678.55").replace(/[,₹]/g, "")).toBe("123456789012345678.55"));
  it("takes the decimals from the tick size", () => expect([decimalsOf("0.05"), decimalsOf("0.0025"), decimalsOf("1"), decimalsOf(undefined)]).toEqual([2, 4, 2, 2]));
});

describe("times", () => {
  it("shows Indian time, and midnight as 00", () => {
    expect(clock("2026-11-20T03:45:00Z")).toBe("09:15:00");
    expect(clock("2026-11-19T18:30:00Z")).toBe("00:00:00");
    expect(day("2026-11-19T18:30:00Z")).toBe("20 Nov 2026");
    expect(isoDay("2026-11-19T18:30:00Z")).toBe("2026-11-20");
  });
  it("says durations", () => expect([duration(5), duration(65), duration(3725), duration(null)]).toEqual(["5s", "1m 05s", "1h 02m", UNKNOWN]));
});
