import { describe, expect, it } from "vitest";

import type { AlertView } from "@/api/generated";

import { levelOf, sentence, watchedPrices } from "./alerts";

describe("levels", () => {
  it.each([["1,500.50", "1500.50"], [" ₹ 12 ", "12"], ["2%", "2"], ["0.0025", "0.0025"]])("%s is %s", (text, level) => expect(levelOf(text)).toBe(level));
  it.each(["", "0", "-3", "1e3", "1.2.3", "1.1234567", "abc"])("%s is none", (text) => expect(levelOf(text)).toBeNull());
});

describe("sentences", () => {
  it.each([
    [{ condition: "crosses_above", value: "150000.5", base: null }, "rises to 1,50,000.50"],
    [{ condition: "crosses_below", value: "83.4325", base: null }, "falls to 83.4325"],
    [{ condition: "moves_percent", value: "2", base: null }, "moves by 2 % from the last close"],
    [{ condition: "moves_percent", value: "2.5", base: "1480" }, "moves by 2.5 % from 1,480.00"],
    [{ condition: "volume_above", value: "1234567", base: null }, "has a volume of 12,34,567"],
  ] as const)("%o", (alert, words) => expect(sentence(alert)).toBe(words));
});

it("draws active alerts on prices, and no others", () => {
  const alert: AlertView = {
    id: "a", symbol: "NSE:TCS", condition: "crosses", value: "3500", base: null, repeat: "once", cooldown_seconds: 0, expires_at: null, note: "",
    state: "active", side: null, fired_at: null, fire_count: 0, created_at: "2026-11-20T10:00:00Z",
  };
  const others: Partial<AlertView>[] = [{ state: "fired" }, { state: "paused" }, { condition: "volume_above" }, { condition: "moves_percent" }];
  expect(watchedPrices([alert, ...others.map((other) => ({ ...alert, ...other }))])).toEqual([{ id: "a", price: "3500" }]);
});
