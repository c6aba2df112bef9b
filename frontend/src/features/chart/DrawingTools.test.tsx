import { act } from "react";
import { afterEach, expect, it } from "vitest";

import { button, click, fakeApi, render, until } from "@/shared/testing";

import { DrawingTools } from "./DrawingTools";
import type { Drawing } from "./drawings";
import { useDrawings } from "./useDrawings";

const KEY = "chart.drawings.5";
const PREFERENCES = "/api/v1/users/me/preferences";
const level: Drawing = { id: "a", kind: "level", price: 1400 };
const trend: Drawing = { id: "b", kind: "trend", from: { t: 60, price: 1 }, to: { t: 120, price: 2 } };
const note: Drawing = { id: "c", kind: "text", at: { t: 60, price: 1 }, text: "Here it turned" };

let mounted: Awaited<ReturnType<typeof render>> | null = null;
afterEach(async () => {
  await act(async () => mounted?.root.unmount());
  document.body.replaceChildren();
});

function Page() {
  const drawings = useDrawings({ current: null }, "5", 2);
  return <><DrawingTools drawings={drawings} decimals={2} lastPrice={() => 1405} /><output>{drawings.hint}</output></>;
}

/** The tools over what is stored, with the list open; `put` is what was stored last. */
async function open(stored: unknown[], more: Record<string, unknown> = {}) {
  const keys = [{ key: KEY }, ...Object.keys(more).map((key) => ({ key }))];
  const habits = Object.fromEntries(Object.entries(more).map(([key, value]) => [`GET ${PREFERENCES}/${key}`, value]));
  const calls = fakeApi({ [`GET ${PREFERENCES}`]: { items: keys, next: null }, [`GET ${PREFERENCES}/${KEY}`]: stored, [`PUT ${PREFERENCES}/${KEY}`]: {}, ...habits });
  mounted = await render(<Page />);
  const { page } = mounted;
  await until(() => button(page, `Drawings: ${stored.length}`) !== undefined, "what is stored");
  await click(button(page, `Drawings: ${stored.length}`));
  const named = (name: string) => button(document.body, name);
  await until(() => named("Level at the last price") !== undefined, "the list");
  return { named, put: () => calls.findLast(({ method }) => method === "PUT")?.body };
}

it("shows everything that is drawn by its name", async () => {
  await open([level, trend, note]);
  const rows = [...document.querySelectorAll(".menu li .name")].map((row) => row.textContent);
  expect(rows).toEqual(["Level 1,400.00", expect.stringMatching(/^Trend line 1.00 to 2.00/), expect.stringMatching(/^Here it turnedNote at 1.00/)]);
});

it("deletes without a pointer, stays in the list, and takes it back", async () => {
  const { named, put } = await open([level, trend]);
  await click(named("Delete drawing 1"));
  await until(() => named("Drawings: 1") !== undefined, "the shorter list");
  expect(document.activeElement?.getAttribute("aria-label")).toBe("Delete drawing 1");
  await until(() => JSON.stringify(put()) === JSON.stringify([trend]), "what is stored");
  await click(named("Undo the last change of the drawings"));
  await until(() => JSON.stringify(put()) === JSON.stringify([level, trend]), "what is stored again");
  expect(named("Undo the last change of the drawings")?.getAttribute("aria-disabled")).toBe("true");
  await click(named("Redo it"));
  await until(() => named("Drawings: 1") !== undefined, "the shorter list again");
});

it("hides and shows", async () => {
  const { named, put } = await open([level, trend]);
  await click(named("Hide drawing 2"));
  await until(() => JSON.stringify(put()) === JSON.stringify([level, { ...trend, hidden: true }]), "what is hidden");
  await click(named("Show drawing 2"));
  await until(() => JSON.stringify(put()) === JSON.stringify([level, trend]), "what is shown");
});

it("selects, and deletes what is selected", async () => {
  const { named } = await open([level, trend]);
  expect(named("Delete the selected drawing")?.getAttribute("aria-disabled")).toBe("true");
  await click(document.querySelectorAll(".menu li .name")[1]);
  expect(document.querySelector("li[aria-current] .name")?.textContent).toMatch(/^Trend line/);
  await click(named("Delete the selected drawing"));
  await until(() => named("Drawings: 1") !== undefined, "the shorter list");
  expect(named("Delete the selected drawing")?.getAttribute("aria-disabled")).toBe("true");
});

it("changes nothing that is locked, and still draws", async () => {
  const { named } = await open([level, note], { "chart.drawing": { locked: true } });
  await until(() => named("Lock all drawings")?.getAttribute("aria-pressed") === "true", "the lock");
  for (const name of ["Delete drawing 1", "Change note 2", "Delete all"]) expect(named(name)?.disabled).toBe(true);
  expect(document.querySelector(".pricefield")).toBeNull();
  await click(named("Level at the last price"));
  await until(() => named("Drawings: 3") !== undefined, "another level");
  expect(named("Undo the last change of the drawings")?.getAttribute("aria-disabled")).toBe("true");
});

it("says what the tool in hand does, and puts it down again", async () => {
  const { named } = await open([]);
  await click(named("Draw a Fibonacci retracement"));
  expect(named("Draw a Fibonacci retracement")?.getAttribute("aria-pressed")).toBe("true");
  expect(document.querySelector("output")?.textContent).toMatch(/^Click where it begins/);
  await click(named("Draw a Fibonacci retracement"));
  expect(document.querySelector("output")?.textContent).toBe("");
});
