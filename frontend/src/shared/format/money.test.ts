import { expect, it } from "vitest";

import { sumOf } from "./money";

it("adds to the paisa, where floats would not", () => {
  expect(sumOf(["0.10", "0.20"])).toBe("0.30");
  expect(sumOf(["9007199254740993.01", "1", "-0.02"])).toBe("9007199254740993.99");
  expect(sumOf(["1.0025", "2"])).toBe("3.0025");
});
it("has a sign below nothing, and is nothing of nothing", () => expect([sumOf(["1", "-2.5"]), sumOf([])]).toEqual(["-1.50", "0.00"]));
it("is not known when one is not", () => expect(sumOf(["1", "–"])).toBeNull());
