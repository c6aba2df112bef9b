import { act } from "react";
import { afterEach, expect, it, vi } from "vitest";

import { click, enter, fakeApi, render, until } from "@/shared/testing";

import { LineDialog } from "./LineDialog";
import type { MovableLine } from "./MarkLayer";

const PATCH = "PATCH /api/v1/trading/orders/o1";
let mounted: Awaited<ReturnType<typeof render>> | null = null;

afterEach(async () => {
  await act(async () => mounted?.root.unmount());
  document.body.replaceChildren();
});

const found = (name: RegExp): HTMLButtonElement | undefined => [...document.querySelectorAll("button")].find((each) => name.test(each.textContent ?? ""));

const stop: MovableLine = { id: "o1", side: "sell", quantity: "5", field: "trigger_price", price: "1400" };

async function open(answers: Record<string, unknown>, proposed = "1395.00", line = stop) {
  const calls = fakeApi(answers);
  const close = vi.fn();
  mounted = await render(<LineDialog symbol="NSE:RELIANCE" line={line} proposed={proposed} tick="0.05" close={close} />);
  await until(() => document.querySelector('[role="dialog"]') !== null, "the dialog");
  return { calls, close };
}

it("changes the price that was dragged, once it is confirmed", async () => {
  const { calls, close } = await open({ [PATCH]: {} });
  expect(document.body.textContent).toContain("From 1400 to 1395.00.");
  expect(calls).toEqual([]);
  await click(found(/^Change to 1395.00$/));
  await until(() => close.mock.calls.length > 0, "the end");
  expect(calls).toEqual([{ method: "PATCH", path: "/api/v1/trading/orders/o1", body: { trigger_price: "1395.00" } }]);
});

it("puts what is typed on the tick, and changes nothing to nothing", async () => {
  const { calls } = await open({ [PATCH]: {} }, "1400");
  expect(found(/^Change$/)?.disabled).toBe(true);
  await enter(document.querySelector("input"), "1391.03");
  expect(document.body.textContent).toContain("From 1400 to 1391.05. The tick is 0.05.");
  await enter(document.querySelector("input"), "x");
  expect(found(/^Change$/)?.disabled).toBe(true);
  expect(calls).toEqual([]);
});

it("stays open with the reason when the exchange is past it", async () => {
  const { close } = await open({ [PATCH]: Response.json({ code: "order_state", detail: "The order is filled.", request_id: "r" }, { status: 409 }) });
  await click(found(/^Change to/));
  await until(() => document.body.textContent?.includes("The order is filled.") === true, "the reason");
  expect(close).not.toHaveBeenCalled();
});

const alert: MovableLine = { id: "a1", field: "value", price: "1500" };

it("moves an alert, once it is confirmed", async () => {
  const { calls, close } = await open({ "PATCH /api/v1/alerts/a1": {} }, "1520.50", alert);
  expect(document.body.textContent).toContain("Change the alert on NSE:RELIANCE");
  expect(document.body.textContent).toContain("From 1500 to 1520.50.");
  await click(found(/^Change to 1520.50$/));
  await until(() => close.mock.calls.length > 0, "the end");
  expect(calls).toEqual([{ method: "PATCH", path: "/api/v1/alerts/a1", body: { value: "1520.50" } }]);
});

it("leaves an alert where it is, or deletes it", async () => {
  const { calls, close } = await open({ "DELETE /api/v1/alerts/a1": new Response(null, { status: 204 }) }, "1520.50", alert);
  await click(found(/^Leave it$/));
  await until(() => close.mock.calls.length > 0, "the end");
  expect(calls).toEqual([]);
  await click(found(/^Delete the alert$/));
  await until(() => close.mock.calls.length > 1, "the end");
  expect(calls).toMatchObject([{ method: "DELETE", path: "/api/v1/alerts/a1" }]);
});
