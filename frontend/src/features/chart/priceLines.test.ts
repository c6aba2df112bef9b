import { expect, it } from "vitest";

import { linesOf } from "./priceLines";

const order = { id: "o", side: "buy", quantity: "10", field: "price", price: "1400.05" } as const;

it("draws orders, a position and alerts at their prices", () => {
  const lines = linesOf([order, { ...order, side: "sell", quantity: "5", price: "1500" }], [{ quantity: "15", average: "1450.5" }], [{ id: "a", price: "1550" }]);
  expect(lines).toEqual([
    { price: 1400.05, title: "buy 10", look: "buy" },
    { price: 1500, title: "sell 5", look: "sell" },
    { price: 1450.5, title: "long 15", look: "position" },
    { price: 1550, title: "alert 1,550.00", look: "alert" },
  ]);
});

it("tells a short position from a long one", () => expect(linesOf([], [{ quantity: "-75", average: "142.35" }], [])).toEqual([{ price: 142.35, title: "short 75", look: "position" }]));

it("draws nothing for what has no price", () => expect(linesOf([{ ...order, price: "" }], [{ quantity: "1", average: "0" }], [{ id: "a", price: "soon" }])).toEqual([]));
