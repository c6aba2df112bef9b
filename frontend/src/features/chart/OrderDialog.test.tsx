import { act } from "react";
import { afterEach, expect, it, vi } from "vitest";

import { click, enter, fakeApi, render, until } from "@/shared/testing";

import { OrderDialog } from "./OrderDialog";

const PATCH = "PATCH /api/v1/trading/orders/o1";
let mounted: Awaited<ReturnType<typeof render>> | null = null;

afterEach(async () => {
  await act(async () => mounted?.root.unmount());
  document.body.replaceChildren();
});

const found = (name: RegExp): HTMLButtonElement | undefined => [...document.querySelectorAll("button")].find((each) => name.test(each.textContent ?? ""));

async function open(answers: Record<string, unknown>, proposed = "1395.00") {
  const calls = fakeApi(answers);
  const close = vi.fn();
  mounted = await render(<OrderDialog symbol="NSE:RELIANCE" order={{ id: "o1", side: "sell", quantity: "5", field: "trigger_price", price: "1400" }} proposed={proposed} tick="0.05" close={close} />);
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
