import { describe, expect, it } from "vitest";

import { atExpiry, breakevens, extremes, type Leg, now, premium, span } from "./payoff";

const call = (strike: number, quantity: number, price: number): Leg => ({ type: "call", strike, quantity, price, iv: 0.13 });
const put = (strike: number, quantity: number, price: number): Leg => ({ type: "put", strike, quantity, price, iv: 0.13 });

describe("the premium", () => {
  // By the server's own model, breezeway.options.black76.
  it.each([
    ["call", 26100, 26000, 20 / 365, 0.13, 367.4388],
    ["put", 26100, 26000, 20 / 365, 0.13, 267.7944],
    ["call", 26100, 27000, 20 / 365, 0.15, 82.5907],
    ["call", 26100, 26000, 0, 0.13, 100],
    ["put", 1500, 1600, 45 / 365, 0.3, 125.9284],
  ] as const)("of a %s on %d at %d", (type, forward, strike, years, vol, worth) => expect(premium(type, forward, strike, years, vol, 0.065)).toBeCloseTo(worth, 2));
});

describe("at expiry", () => {
  it("a bought call wins without bound above its breakeven", () => {
    const legs = [call(26000, 75, 200)];
    expect(extremes(legs)).toEqual({ profit: null, loss: -15_000 });
    expect(breakevens(legs)).toEqual([26_200]);
    expect(atExpiry(legs, 26_500)).toBe(22_500);
  });
  it("a sold call loses without bound", () => expect(extremes([call(26000, -75, 200)])).toEqual({ profit: 15_000, loss: null }));
  it("a bought put wins down to nothing", () => {
    const legs = [put(100, 10, 4)];
    expect(extremes(legs)).toEqual({ profit: 960, loss: -40 });
    expect(breakevens(legs)).toEqual([96]);
  });
  it("a straddle has two breakevens", () => expect(breakevens([call(26000, 75, 200), put(26000, 75, 180)])).toEqual([25_620, 26_380]));
  it("a call spread is bounded on both sides", () => {
    const legs = [call(26000, 75, 200), call(26500, -75, 60)];
    expect(extremes(legs)).toEqual({ profit: 27_000, loss: -10_500 });
    expect(breakevens(legs)).toEqual([26_140]);
  });
  it("an iron condor wins in the middle", () => {
    const legs = [put(25500, -75, 80), put(25000, 75, 30), call(26500, -75, 70), call(27000, 75, 20)];
    expect(extremes(legs)).toEqual({ profit: 7_500, loss: -30_000 });
    expect(breakevens(legs)).toEqual([25_400, 26_600]);
  });
  it("what is never won nor lost has no breakeven of its own", () => expect(breakevens([call(100, 1, 5), call(100, -1, 5)]).length).toBeLessThanOrEqual(1));
  it("finds a breakeven on a strike once", () => expect(breakevens([call(100, 1, 10), call(110, -1, 0.000001)])).toEqual([110]));
});

describe("before expiry", () => {
  const conditions = { years: 20 / 365, rate: 0.065, carry: 26100 / 26000 };
  it("a call is worth more than at expiry", () => expect(now([call(26000, 1, 0)], 26_000, conditions)).toBeCloseTo(367.44, 1));
  it("is not told without every volatility", () => expect(now([call(26000, 1, 0), { ...put(26000, 1, 0), iv: null }], 26_000, conditions)).toBeNull());
  it("meets the payoff at the end", () => {
    const legs = [call(26000, 75, 200), put(25500, -75, 80)];
    expect(now(legs, 25_300, { years: 0, rate: 0.065, carry: 1 })).toBeCloseTo(atExpiry(legs, 25_300), 6);
  });
});

it("draws every strike and the price, with room beside them", () => {
  const { from, to } = span([call(27000, 1, 1), put(24000, 1, 1)], 26_000, 7 / 365);
  expect(from).toBeLessThan(24_000);
  expect(to).toBeGreaterThan(27_000);
  expect(span([put(2, 1, 1)], 1, 1).from).toBeGreaterThanOrEqual(0);
});
