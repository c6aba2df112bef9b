import { act } from "react";
import { afterEach, expect, it } from "vitest";

import { button, click, enter, fakeApi, render, until } from "@/shared/testing";

import { SimulatorControls } from "./SimulatorControls";

const CLOCK = "/api/v1/dev/simulator/clock";
const DAYS = "/api/v1/dev/simulator/days";
const now = { exchange_time: "2026-11-20T10:30:00+05:30", mode: "auto", speed: 1, replay: true };
let mounted: Awaited<ReturnType<typeof render>> | null = null;

afterEach(async () => {
  await act(async () => mounted?.root.unmount());
  document.body.replaceChildren();
});

async function shown(answers: Record<string, unknown>) {
  const calls = fakeApi({ [`GET ${CLOCK}`]: now, [`GET ${DAYS}`]: { items: ["2026-11-20", "2026-11-19"] }, ...answers });
  mounted = await render(<SimulatorControls />);
  const { page } = mounted;
  await until(() => page.querySelectorAll("option").length === 7, "days and speeds");
  const told = (): unknown[] => calls.filter(({ method }) => method === "POST").map(({ body }) => body);
  const [day, speed] = page.querySelectorAll("select");
  return { page, told, day: day ?? null, speed: speed ?? null };
}

it("moves to another day, another speed, and between live and replay", async () => {
  const { page, told, day, speed } = await shown({ [`POST ${CLOCK}`]: { ...now, exchange_time: "2026-11-19T10:30:00+05:30", mode: "replay", speed: 5 } });
  expect([day?.value, speed?.value, button(page, "Live")?.getAttribute("aria-pressed")]).toEqual(["2026-11-20", "1", "true"]);
  await enter(day, "2026-11-19");
  await until(() => button(page, "Replay")?.getAttribute("aria-pressed") === "true" && !day?.disabled, "the replayed day");
  expect([day?.value, speed?.value]).toEqual(["2026-11-19", "5"]);
  await enter(speed, "10");
  await until(() => told().length === 2 && !day?.disabled, "the other speed");
  await click(button(page, "Live"));
  await until(() => told().length === 3, "the way back");
  expect(told()).toEqual([{ day: "2026-11-19" }, { speed: 10 }, { mode: "auto" }]);
});

it("says why the simulator refuses, and stays where it is", async () => {
  const refusal = Response.json({ code: "not_a_trading_day", detail: "That was a Sunday.", request_id: "r" }, { status: 422 });
  const { page, day } = await shown({ [`POST ${CLOCK}`]: refusal });
  await enter(day, "2026-11-19");
  await until(() => page.querySelector("[role=alert]") !== null, "the refusal");
  expect(page.querySelector("[role=alert]")?.textContent).toBe("That was a Sunday.");
  expect(day?.value).toBe("2026-11-20");
});

it("shows nothing where there is no such route", async () => {
  const calls = fakeApi({});
  mounted = await render(<SimulatorControls />);
  await until(() => calls.length === 1, "the question");
  await until(() => mounted?.page.textContent === "", "nothing");
  expect(calls).toHaveLength(1);
});
