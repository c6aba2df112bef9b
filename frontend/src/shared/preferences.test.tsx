import { act } from "react";
import { afterEach, expect, it } from "vitest";

import { click, fakeApi, render, until } from "@/shared/testing";

import { usePreference } from "./preferences";

const PLACE = "/api/v1/users/me/preferences";
let mounted: Awaited<ReturnType<typeof render>> | null = null;

afterEach(async () => {
  await act(async () => mounted?.root.unmount());
  mounted = null;
  document.body.replaceChildren();
});

function Counter() {
  const stored = usePreference("count", (value) => (typeof value === "number" ? value : 0));
  return <button type="button" disabled={!stored.ready} onClick={() => stored.change(stored.value + 1)}>{`count ${stored.value}`}</button>;
}

async function counted(times: number) {
  const calls = fakeApi({ [`GET ${PLACE}`]: { items: [] }, [`PUT ${PLACE}/count`]: 1 });
  mounted = await render(<Counter />);
  await until(() => document.querySelector("button:not([disabled])") !== null, "the counter");
  for (let time = 1; time <= times; time += 1) {
    await click(document.querySelector("button"));
    await until(() => document.body.textContent === `count ${time}`, `the count of ${time}`);
  }
  return () => calls.filter(({ method }) => method === "PUT").map(({ body }) => body);
}

it("stores quick changes once, when they have settled", async () => {
  const stored = await counted(3);
  expect(stored()).toEqual([]);
  await until(() => stored().length > 0, "the stored value");
  expect(stored()).toEqual([3]);
});

it("stores what was changed just before the page goes, once", async () => {
  const stored = await counted(2);
  window.dispatchEvent(new Event("pagehide"));
  // Sooner than it would have settled.
  await act(async () => void (await new Promise((done) => setTimeout(done, 100))));
  expect(stored()).toEqual([2]);
  window.dispatchEvent(new Event("pagehide"));
  await act(async () => void (await new Promise((done) => setTimeout(done, 1_000))));
  expect(stored()).toEqual([2]);
});
