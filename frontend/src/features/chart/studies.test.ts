import { describe, expect, it } from "vitest";

import type { IndicatorView } from "@/api/generated";

import { COMMON, drawn, keyOf, newStudy, offered, specOf, storedStudies, titleOf, withParameter } from "./studies";

const rule = (name: string, value: number, whole = true) => ({ name, default: value, minimum: 1, maximum: 500, whole });
const view = (name: string, outputs = ["value"], parameters = [rule("length", 20)]): IndicatorView => ({
  name, title: `The ${name}`, group: "Breezeway", inputs: ["close"], outputs, overlay: true, parameters,
});
const bands = view("bbands", ["upper", "middle", "lower"], [rule("length", 20), rule("width", 2, false)]);

describe("studies", () => {
  it("are named as the API names them", () => {
    const study = newStudy(bands, []);
    expect(specOf(study)).toBe("bbands:20:2");
    expect(titleOf(study)).toBe("BBANDS 20 2");
    expect(drawn(bands).map((output) => keyOf(study, bands, output))).toEqual(["bbands:20:2.upper", "bbands:20:2.middle", "bbands:20:2.lower"]);
    expect(keyOf(newStudy(view("sma"), []), view("sma"), "value")).toBe("sma:20");
  });
  it("may be there twice", () => {
    const first = newStudy(bands, []);
    expect(newStudy(bands, [first]).id).not.toBe(first.id);
  });
  it("take only what the catalogue allows", () => {
    const study = newStudy(bands, []);
    expect(withParameter(study, bands, 0, 50)?.parameters).toEqual([50, 2]);
    expect(withParameter(study, bands, 1, 2.5)?.parameters).toEqual([20, 2.5]);
    for (const [index, value] of [[0, 2.5], [0, 0], [0, 501], [0, NaN], [7, 5]] as const) expect(withParameter(study, bands, index, value)).toBeNull();
  });
  it("do not draw a direction over the prices", () => expect(drawn(view("supertrend", ["line", "direction"]))).toEqual(["line"]));
  it("are found by name and title, the common ones first", () => {
    const catalogue = new Map(["zlema", "ema", "sma", "asma"].map((name) => [name, view(name)]));
    expect(offered(catalogue, "").map(({ name }) => name)).toEqual(["sma", "ema"]);
    expect(offered(catalogue, " EMA ").map(({ name }) => name)).toEqual(["ema", "zlema"]);
    expect(offered(catalogue, "the asma").map(({ name }) => name)).toEqual(["asma"]);
    expect(COMMON.length).toBeGreaterThanOrEqual(12);
  });
  it("survive whatever is stored", () => {
    expect(storedStudies([newStudy(bands, []), null, { kind: "sma", length: 20 }, 7])).toHaveLength(1);
    expect(storedStudies("x")).toEqual([]);
  });
});
