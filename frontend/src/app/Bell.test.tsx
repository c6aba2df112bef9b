import { act } from "react";
import { afterEach, expect, it, vi } from "vitest";

import type { NotificationMessage } from "@/realtime/protocol";
import { button, click, fakeApi, render, until } from "@/shared/testing";

import { Bell } from "./Bell";
import { Toasts } from "./Toasts";

const stream = vi.hoisted(() => ({ handlers: new Map<string, Set<(message: unknown) => void>>() }));
vi.mock("@/realtime/stream", () => ({
  useChannels: () => undefined,
  onMessage: (type: string, handler: (message: unknown) => void) => {
    const set = stream.handlers.get(type) ?? new Set();
    stream.handlers.set(type, set.add(handler));
    return () => set.delete(handler);
  },
}));

const UNREAD = "GET /api/v1/notifications/unread-count";
const message: NotificationMessage = {
  type: "notification", id: "n1", kind: "alert.fired", severity: "info", title: "NSE:TCS has crossed above 3500", text: "Sell half", at: "2026-11-20T10:00:00Z", data: { symbol: "NSE:TCS" },
};
let mounted: Awaited<ReturnType<typeof render>> | null = null;

afterEach(async () => {
  await act(async () => mounted?.root.unmount());
  document.body.replaceChildren();
});

async function say<T extends { type: string }>(said: T): Promise<void> {
  await act(async () => stream.handlers.get(said.type)?.forEach((handler) => handler(said)));
}

it("counts anew when the stream brings a notification, and when it could not keep some", async () => {
  const answers = { [UNREAD]: { unread: 0 } };
  fakeApi(answers);
  mounted = await render(<Bell />);
  const label = (): string | null | undefined => mounted?.page.querySelector("a")?.getAttribute("aria-label");
  await until(() => label() === "Notifications", "an empty bell");
  answers[UNREAD] = { unread: 1 };
  await say(message);
  await until(() => label() === "Notifications, 1 unread", "one");
  answers[UNREAD] = { unread: 120 };
  await say({ type: "position", channel: "notifications", offset: 9, epoch: "e", recovered: false });
  await until(() => label() === "Notifications, 120 unread", "what was missed");
  expect(mounted.page.querySelector(".count")?.textContent).toBe("99+");
});

it("says at once what is urgent, and nothing twice", async () => {
  fakeApi({});
  mounted = await render(<Toasts />);
  const { page } = mounted;
  await say({ ...message, id: "n0", kind: "order.filled", title: "Bought 10 NSE:TCS" });
  expect(page.textContent).toBe("");
  await say(message);
  await say(message);
  expect([...page.querySelectorAll("b")].map((each) => each.textContent)).toEqual([message.title]);
  expect(page.querySelector("a")?.getAttribute("href")).toBe("/chart/NSE%3ATCS");
  await click(button(page, `Close: ${message.title}`));
  expect(page.textContent).toBe("");
});
