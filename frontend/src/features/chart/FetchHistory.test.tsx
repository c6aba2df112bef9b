import { act } from "react";
import { afterEach, describe, expect, it, vi } from "vitest";

import type { BackfillView } from "@/api/generated";
import { button, click, fakeApi, render, until } from "@/shared/testing";

import { FetchHistory } from "./FetchHistory";
import { historyPlan, jobFor, rangeOf } from "./historyPlan";
import { INTERVALS } from "./layout";

const stream = vi.hoisted(() => ({ say: (): void => undefined }));
vi.mock("@/realtime/stream", () => ({
  onMessage: (_type: string, handler: () => void) => {
    stream.say = handler;
    return () => undefined;
  },
}));

const LIST = "GET /api/v1/backfills";
const ACCOUNTS = "GET /api/v1/broker-accounts";
const job: BackfillView = {
  id: "j1", symbols: ["NSE:HDFCBANK"], interval: "1m", from: "2026-08-20", to: "2026-11-19", state: "running", chunks_total: 32, chunks_done: 8, chunks_failed: 0, candles_written: 3000,
  calls_estimated: 32, calls_used: 8, eta_seconds: 14, created_at: "2026-11-18T10:00:00Z", finished_at: null, errors: [],
};
let mounted: Awaited<ReturnType<typeof render>> | null = null;

afterEach(async () => {
  await act(async () => mounted?.root.unmount());
  document.body.replaceChildren();
});

const text = (): string => mounted?.page.textContent ?? "";
const shown = (bars: number, filled = (): void => undefined) => <FetchHistory symbol="NSE:HDFCBANK" interval="15m" bars={bars} loading={false} filled={filled} />;

describe("what is fetched", () => {
  it("has a plan for every interval of the chart", () => {
    for (const interval of INTERVALS) expect(historyPlan(interval).days, interval).toBeGreaterThan(0);
    expect([historyPlan("5s").base, historyPlan("4h").base, historyPlan("1M").base]).toEqual(["1s", "1m", "1d"]);
  });
  it("ends with the exchange's Indian day, which has begun while it is yesterday in UTC", () => {
    expect(rangeOf(historyPlan("15m"), "2026-11-17T19:00:00Z")).toEqual({ from: "2026-08-20", to: "2026-11-19" });
  });
  it("takes no shorter job, nor one of others bars or instruments, for its own", () => {
    const others = [{ ...job, from: "2026-11-01" }, { ...job, interval: "1d" }, { ...job, symbols: ["NSE:TCS"] }];
    expect(jobFor(others, "NSE:HDFCBANK", historyPlan("15m"))).toBeNull();
    expect(jobFor([...others, job], "NSE:HDFCBANK", historyPlan("15m"))?.id).toBe("j1");
  });
});

describe("a chart without history", () => {
  it("fetches, shows how far it is, and has the chart filled once when it is done", async () => {
    const answers: Record<string, unknown> = {
      [LIST]: { items: [], next: null }, [ACCOUNTS]: { items: [{}], next: null },
      "GET /api/v1/market/status": { exchange_time: "2026-11-18T05:00:00Z" }, "POST /api/v1/backfills": job,
    };
    const calls = fakeApi(answers);
    const filled = vi.fn();
    mounted = await render(shown(3, filled));
    await until(() => text().includes("NSE:HDFCBANK has only 3 stored 15m bars."), "the offer");
    answers[LIST] = { items: [job], next: null };
    await click(button(mounted.page, "Fetch history (90 days)"));
    await until(() => text().includes("8 of 32 parts, about 14s left"), "the progress");
    expect(calls.find(({ method }) => method === "POST")?.body).toEqual({ symbols: ["NSE:HDFCBANK"], interval: "1m", from: "2026-08-20", to: "2026-11-19" });
    expect(mounted.page.querySelector("progress")?.value).toBe(8);
    expect(filled).not.toHaveBeenCalled();
    answers[LIST] = { items: [{ ...job, state: "done", chunks_done: 32, finished_at: "2026-11-18T10:01:00Z" }], next: null };
    await act(async () => stream.say());
    await until(() => filled.mock.calls.length > 0, "the bars");
    await act(async () => stream.say());
    expect(filled).toHaveBeenCalledTimes(1);
  });

  it("has the chart filled when everything was there before the first look", async () => {
    const done = { ...job, state: "done", chunks_total: 0, chunks_done: 0, finished_at: "2026-11-18T10:01:00Z" };
    const answers: Record<string, unknown> = {
      [LIST]: { items: [], next: null }, [ACCOUNTS]: { items: [{}], next: null },
      "GET /api/v1/market/status": { exchange_time: "2026-11-18T05:00:00Z" }, "POST /api/v1/backfills": done,
    };
    fakeApi(answers);
    const filled = vi.fn();
    mounted = await render(shown(0, filled));
    await until(() => text().includes("No 15m history"), "the offer");
    answers[LIST] = { items: [done], next: null };
    await click(button(mounted.page, "Fetch history (90 days)"));
    await until(() => filled.mock.calls.length > 0, "the bars");
    await until(() => text().includes("The broker has no 15m bars of NSE:HDFCBANK in the last 90 days."), "what to think of it");
  });

  it("sends to the broker page without an account, and without a session", async () => {
    const answers: Record<string, unknown> = { [LIST]: { items: [], next: null }, [ACCOUNTS]: { items: [], next: null } };
    fakeApi(answers);
    mounted = await render(shown(0));
    await until(() => mounted?.page.querySelector('a[href="/connect"]') !== null, "the way to the broker");
    expect(button(mounted.page, "Fetch history (90 days)")).toBeUndefined();
    const error = { symbol: "NSE:HDFCBANK", from: "2026-11-18T00:00:00Z", to: "2026-11-19T00:00:00Z", code: "broker_session_required", detail: "There is no session at the broker.", attempts: 1, final: false };
    answers[LIST] = { items: [{ ...job, errors: [error] }], next: null };
    await act(async () => stream.say());
    await until(() => text().includes("goes on by itself once you have logged in"), "what to do");
    expect(mounted.page.querySelector('[role="alert"]')?.textContent).toContain("There is no session at the broker.");
    expect(mounted.page.querySelector('a[href="/connect"]')).not.toBeNull();
  });

  it("says what failed and tries it again", async () => {
    const error = { symbol: "NSE:HDFCBANK", from: "2026-11-18T00:00:00Z", to: "2026-11-19T00:00:00Z", code: "upstream_fault", detail: "The broker does not know it.", attempts: 5, final: true };
    const failed = { ...job, state: "failed", chunks_failed: 2, finished_at: "2026-11-18T10:01:00Z", errors: [error] };
    const calls = fakeApi({ [LIST]: { items: [failed], next: null }, [ACCOUNTS]: { items: [{}], next: null }, "POST /api/v1/backfills/j1/retry": job });
    mounted = await render(shown(0));
    await until(() => text().includes("2 of 32 parts of the history could not be fetched. The broker does not know it."), "the failure");
    await click(button(mounted.page, "Try again"));
    await until(() => calls.some(({ path }) => path === "/api/v1/backfills/j1/retry"), "the call");
  });

  it("is not there beside enough bars", async () => {
    const calls = fakeApi({ [LIST]: { items: [], next: null }, [ACCOUNTS]: { items: [{}], next: null } });
    mounted = await render(shown(60));
    await until(() => calls.length >= 2, "the questions");
    expect(text()).toBe("");
  });
});
