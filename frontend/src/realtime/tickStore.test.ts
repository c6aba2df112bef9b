import { describe, expect, it, vi } from "vitest";

import { afterClose, backoffMs } from "./closing";
import { TickStore } from "./tickStore";

function paced() {
  const frames: (() => void)[] = [];
  const store = new TickStore((callback) => frames.push(callback));
  return { store, frames, paint: () => frames.splice(0).forEach((frame) => frame()) };
}

describe("the tick store", () => {
  it("tells a cell once a frame, however many ticks came", () => {
    const { store, frames, paint } = paced();
    const update = vi.fn();
    store.watch("A", { update });
    for (let price = 1; price <= 100; price += 1) store.writeTick({ symbol: "A", ltp: price });
    expect(frames).toHaveLength(1);
    paint();
    expect(update).toHaveBeenCalledTimes(1);
    expect(store.get("A", "ltp")).toBe(100);
  });

  it("tells only the cells of instruments that changed", () => {
    const { store, paint } = paced();
    const [a, b] = [vi.fn(), vi.fn()];
    store.watch("A", { update: a });
    const stop = store.watch("B", { update: b });
    store.writeTick({ symbol: "A", ltp: 1 });
    paint();
    expect(b).not.toHaveBeenCalled();
    stop();
    store.writeTick({ symbol: "B", ltp: 1 });
    paint();
    expect(b).not.toHaveBeenCalled();
  });

  it("shows unknown as NaN, never as zero", () => {
    const { store } = paced();
    expect(store.get("A", "oi")).toBeNaN();
    store.writeTick({ symbol: "A", ltp: 5, oi: null });
    expect(store.get("A", "oi")).toBeNaN();
  });

  it("takes a price of zero for what has not traded today, and a quantity of zero for what it is", () => {
    const { store } = paced();
    store.writeTick({ symbol: "A", ltp: 0, bid: 0, ask: 5.1, volume: 0, oi: 0 });
    expect([store.get("A", "ltp"), store.get("A", "bid"), store.get("A", "ask")]).toEqual([NaN, NaN, 5.1]);
    expect([store.get("A", "volume"), store.get("A", "oi")]).toEqual([0, 0]);
  });

  it("grows without losing values", () => {
    const { store } = paced();
    for (let i = 0; i < 500; i += 1) store.writeTick({ symbol: `S${i}`, ltp: i + 1 });
    for (let i = 0; i < 500; i += 1) expect(store.get(`S${i}`, "ltp")).toBe(i + 1);
  });

  it("forgets all prices when the user changes, and the cells show it", () => {
    const { store, paint } = paced();
    const update = vi.fn();
    store.watch("A", { update });
    store.writeTick({ symbol: "A", ltp: 5 });
    paint();
    store.clear();
    paint();
    expect(update).toHaveBeenCalledTimes(2);
    expect(store.get("A", "ltp")).toBeNaN();
  });
});

describe("what follows a close", () => {
  it.each([
    [1000, "reconnect"], [1006, "reconnect"], [1012, "reconnect"], [4400, "reconnect"], [4401, "authenticate"],
    [4408, "reconnect"], [4410, "reconnect"], [4411, "reconnect"], [4499, "reconnect"], [4500, "stop"],
    [4503, "stop"], [4504, "stop"], [4599, "stop"],
  ])("%i: %s", (code, action) => expect(afterClose(code).action).toBe(action));

  it("spreads clients between nothing and the ceiling", () => {
    expect(backoffMs(0, () => 1)).toBe(500);
    expect(backoffMs(3, () => 1)).toBe(4_000);
    expect(backoffMs(50, () => 1)).toBe(30_000);
    expect(backoffMs(50, () => 0)).toBe(0);
  });
});
