import { act } from "react";
import { afterEach, beforeEach, expect, it } from "vitest";

import { fakeApi, render, until } from "@/shared/testing";

import { fitting, isResized, PANES, storedPanes, usePanes } from "./panes";
import { Splitter } from "./Splitter";

const PREFERENCE = "/api/v1/users/me/preferences/workspace.panes";
let mounted: Awaited<ReturnType<typeof render>> | null = null;

beforeEach(() => localStorage.clear());
afterEach(async () => {
  await act(async () => mounted?.root.unmount());
  mounted = null;
  document.body.replaceChildren();
});

function Both() {
  const { sizes, resize, reset } = usePanes();
  return (
    <div className="workspace">
      <Splitter pane="list" name="the watchlist" controls="a" size={sizes.list} grows={1} resize={(size) => resize("list", size)} reset={() => reset("list")} />
      <Splitter pane="side" name="the depth" controls="b" size={sizes.side} grows={-1} resize={(size) => resize("side", size)} reset={() => reset("side")} />
    </div>
  );
}

const edge = (pane: string): HTMLElement => {
  const found = document.querySelector<HTMLElement>(`.splitter.of-${pane}`);
  if (!found) throw new Error(`no edge of ${pane}`);
  return found;
};
const now = (pane: string): number => Number(edge(pane).getAttribute("aria-valuenow"));
const press = (pane: string, key: string): Promise<void> => act(async () => void edge(pane).dispatchEvent(new KeyboardEvent("keydown", { key, bubbles: true })));
const point = (pane: string, type: string, clientX: number): Promise<void> =>
  act(async () => void edge(pane).dispatchEvent(new PointerEvent(type, { clientX, button: 0, pointerId: 1, bubbles: true })));

it("takes sizes from what is stored only as far as they are usable", () => {
  const first = { list: 300, side: 300, dock: 220 };
  expect(storedPanes(null)).toEqual({ sizes: first, tab: null });
  expect(storedPanes({ list: 5000, side: "wide", dock: 300, tab: "nothing" })).toEqual({ sizes: { list: 360, side: 300, dock: 300 }, tab: null });
  expect(storedPanes({ list: NaN, side: 1, tab: "trades" })).toEqual({ sizes: { ...first, side: 260 }, tab: "trades" });
  expect(fitting("list", 310.6)).toBe(311);
  expect([isResized(first), isResized({ ...first, dock: 221 })]).toEqual([false, true]);
});

it("is moved by keys, within its limits, and goes back", async () => {
  fakeApi({ "GET /api/v1/users/me/preferences": { items: [], next: null } });
  mounted = await render(<Both />);
  const becomes = (pane: string, size: number): Promise<void> => until(() => now(pane) === size, `${pane} of ${size} pixels`);
  await act(async () => {
    for (let times = 0; times < 3; times += 1) edge("list").dispatchEvent(new KeyboardEvent("keydown", { key: "ArrowRight", bubbles: true }));
  });
  await becomes("list", 330);
  // The edge of the right column goes the same way, which makes that narrower.
  await press("side", "ArrowRight");
  await becomes("side", 290);
  await press("list", "End");
  await becomes("list", PANES.list.most);
  await press("list", "ArrowRight");
  await press("list", "Home");
  await becomes("list", PANES.list.least);
  await press("list", "Enter");
  await becomes("list", 300);
  expect(now("side")).toBe(290);
});

it("follows the pointer, tells the server once, and finds the size there again", async () => {
  const answers: Record<string, unknown> = { "GET /api/v1/users/me/preferences": { items: [], next: null } };
  answers[`PUT ${PREFERENCE}`] = {};
  const calls = fakeApi(answers);
  mounted = await render(<Both />);
  edge("list").setPointerCapture = () => undefined;
  await point("list", "pointerdown", 300);
  for (const x of [310, 320, 900, 330]) await point("list", "pointermove", x);
  expect(document.querySelector<HTMLElement>(".workspace")?.style.getPropertyValue("--list")).toBe("330px");
  await point("list", "pointerup", 330);
  await point("list", "pointermove", 350);
  expect(now("list")).toBe(330);
  const stored = () => calls.filter(({ method }) => method === "PUT");
  await until(() => stored().length > 0, "the stored size");
  expect(stored()).toEqual([{ method: "PUT", path: PREFERENCE, body: { list: 330, side: 300, dock: 220, tab: null } }]);
  await act(async () => mounted?.root.unmount());
  localStorage.clear();
  answers["GET /api/v1/users/me/preferences"] = { items: [{ key: "workspace.panes" }], next: null };
  answers[`GET ${PREFERENCE}`] = { list: 330, side: 300 };
  mounted = await render(<Both />);
  await until(() => now("list") === 330, "the size that the server keeps");
  await act(async () => void edge("list").dispatchEvent(new MouseEvent("dblclick", { bubbles: true })));
  await until(() => now("list") === 300, "the first size");
});
