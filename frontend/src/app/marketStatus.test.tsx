import { useQuery } from "@tanstack/react-query";
import { act } from "react";
import { afterEach, expect, it, vi } from "vitest";

import { fakeApi, render } from "@/shared/testing";

import { useDayChange } from "./marketStatus";

const STATUS = "GET /api/v1/market/status";
let mounted: Awaited<ReturnType<typeof render>> | null = null;
const asked = vi.fn(() => Promise.resolve(1));

afterEach(async () => {
  await act(async () => mounted?.root.unmount());
  vi.useRealTimers();
});

function Page() {
  useDayChange();
  useQuery({ queryKey: ["spark", "NSE:TCS"], queryFn: asked });
  return null;
}

const wait = (ms: number): Promise<void> => act(async () => void (await vi.advanceTimersByTimeAsync(ms)));

it("asks anew when the Indian day has changed, and not before or again", async () => {
  vi.useFakeTimers();
  const answers = { [STATUS]: { exchange_time: "2026-11-18T18:29:00Z" } };
  fakeApi(answers);
  mounted = await render(<Page />);
  await wait(100);
  expect(asked).toHaveBeenCalledTimes(1);
  answers[STATUS] = { exchange_time: "2026-11-18T18:29:50Z" };
  await wait(30_100);
  expect(asked).toHaveBeenCalledTimes(1);
  // 00:00:20 in India, and still the same day in UTC.
  answers[STATUS] = { exchange_time: "2026-11-18T18:30:20Z" };
  await wait(30_100);
  expect(asked).toHaveBeenCalledTimes(2);
  answers[STATUS] = { exchange_time: "2026-11-19T04:00:00Z" };
  await wait(30_100);
  expect(asked).toHaveBeenCalledTimes(2);
});
