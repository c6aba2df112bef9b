import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";

import type { StreamMessage } from "./protocol";
import { StreamSocket } from "./socket";

class FakeSocket {
  static all: FakeSocket[] = [];
  readyState = 0;
  sent: Record<string, unknown>[] = [];
  onopen: (() => void) | null = null;
  onmessage: ((event: { data: string }) => void) | null = null;
  onclose: ((event: { code: number }) => void) | null = null;
  constructor() {
    FakeSocket.all.push(this);
  }
  send(text: string): void {
    this.sent.push(JSON.parse(text) as Record<string, unknown>);
  }
  close(): void {
    this.readyState = 3;
  }
  open(): void {
    this.readyState = WebSocket.OPEN;
    this.onopen?.();
  }
  say(...messages: object[]): void {
    this.onmessage?.({ data: JSON.stringify(messages) });
  }
  end(code: number): void {
    this.readyState = 3;
    this.onclose?.({ code });
  }
  did(action: string): Record<string, unknown>[] {
    return this.sent.filter((frame) => frame.action === action);
  }
}

const newest = (): FakeSocket => {
  const socket = FakeSocket.all.at(-1);
  if (!socket) throw new Error("no socket was opened");
  return socket;
};

let tokens: (string | null)[];
let refusals: (string | null)[];
let heard: StreamMessage[];
let stream: StreamSocket;

beforeEach(() => {
  vi.useFakeTimers();
  vi.spyOn(Math, "random").mockReturnValue(0.5);
  FakeSocket.all = [];
  tokens = [];
  refusals = [];
  heard = [];
  stream = new StreamSocket({
    url: () => "ws://test/stream",
    token: (refused) => {
      refusals.push(refused);
      return Promise.resolve(tokens.length > 0 ? (tokens.shift() ?? null) : "token-1");
    },
    onMessages: (messages) => heard.push(...messages),
    open: () => new FakeSocket() as unknown as WebSocket,
  });
});

afterEach(() => {
  stream.stop();
  vi.useRealTimers();
});

async function live(expiresIn = 900_000): Promise<FakeSocket> {
  stream.start();
  await vi.advanceTimersByTimeAsync(0);
  const socket = newest();
  socket.open();
  socket.say({ type: "authenticated", user_id: "u", expires_at: Date.now() + expiresIn });
  await vi.advanceTimersByTimeAsync(25);
  return socket;
}

describe("the stream's socket", () => {
  it("authenticates in its first frame and subscribes only then", async () => {
    stream.retain(["tick:A"]);
    stream.start();
    await vi.advanceTimersByTimeAsync(0);
    newest().open();
    await vi.advanceTimersByTimeAsync(100);
    expect(newest().sent).toEqual([{ action: "auth", token: "token-1" }]);
    newest().say({ type: "authenticated", user_id: "u", expires_at: Date.now() + 900_000 });
    expect(newest().did("subscribe")).toEqual([expect.objectContaining({ channels: ["tick:A"] })]);
    expect(stream.getStatus().phase).toBe("live");
  });

  it("counts who wants a channel and tells the server once", async () => {
    const socket = await live();
    const first = stream.retain(["tick:A", "tick:B"]);
    const second = stream.retain(["tick:A"]);
    await vi.advanceTimersByTimeAsync(25);
    expect(socket.did("subscribe").map((frame) => frame.channels)).toEqual([["tick:A", "tick:B"]]);
    first();
    first();
    await vi.advanceTimersByTimeAsync(25);
    expect(socket.did("unsubscribe").map((frame) => frame.channels)).toEqual([["tick:B"]]);
    second();
    await vi.advanceTimersByTimeAsync(25);
    expect(socket.did("unsubscribe").map((frame) => frame.channels)).toEqual([["tick:B"], ["tick:A"]]);
  });

  it("comes back after a restart of the server and subscribes again", async () => {
    stream.retain(["tick:A"]);
    const socket = await live();
    socket.end(4410);
    expect(stream.getStatus().phase).toBe("backoff");
    await vi.advanceTimersByTimeAsync(1_500);
    const next = newest();
    expect(next).not.toBe(socket);
    next.open();
    next.say({ type: "authenticated", user_id: "u", expires_at: Date.now() + 900_000 });
    expect(next.did("subscribe").map((frame) => frame.channels)).toEqual([["tick:A"]]);
    expect(stream.getStatus().failures).toBe(0);
  });

  it("asks on durable channels for what it missed, and forgets them with the user", async () => {
    stream.retain(["notifications", "orders", "tick:A"]);
    const socket = await live();
    socket.say(
      { type: "position", channel: "notifications", offset: 4, epoch: "e", recovered: true },
      { type: "notification", id: "n", offset: 5, epoch: "e" },
      { type: "position", account_id: "a", offset: 9, epoch: "f" },
      { type: "tick", symbol: "A", offset: 1, epoch: "g" },
    );
    socket.end(1012);
    await vi.advanceTimersByTimeAsync(3_000);
    newest().open();
    newest().say({ type: "authenticated", user_id: "u", expires_at: Date.now() + 900_000 });
    expect(newest().did("subscribe").map((frame) => frame.channels)).toEqual([[
      { channel: "notifications", since: { offset: 5, epoch: "e" } },
      { channel: "orders", since: { offset: 9, epoch: "f" } },
      "tick:A",
    ]]);
    stream.stop();
    await live();
    expect(newest().did("subscribe").map((frame) => frame.channels)).toEqual([["notifications", "orders", "tick:A"]]);
  });

  it("names the refused token when it asks for another after 4401", async () => {
    const socket = await live();
    tokens = ["token-2"];
    socket.end(4401);
    await vi.advanceTimersByTimeAsync(600);
    expect(refusals).toEqual([null, "token-1"]);
    newest().open();
    expect(newest().sent[0]).toEqual({ action: "auth", token: "token-2" });
  });

  it("stops and says so when nobody is signed in any more", async () => {
    const socket = await live();
    tokens = [null];
    socket.end(4401);
    await vi.advanceTimersByTimeAsync(60_000);
    expect(stream.getStatus().phase).toBe("signed-out");
    expect(FakeSocket.all).toHaveLength(1);
  });

  it("does not come back by itself after 45xx, but does when it is asked", async () => {
    const socket = await live();
    socket.end(4504);
    await vi.advanceTimersByTimeAsync(120_000);
    expect(stream.getStatus()).toMatchObject({ phase: "blocked", reason: "too_many_connections" });
    expect(FakeSocket.all).toHaveLength(1);
    stream.nudge();
    await vi.advanceTimersByTimeAsync(0);
    expect(FakeSocket.all).toHaveLength(2);
  });

  it("takes a server that answers no ping for dead", async () => {
    const socket = await live();
    await vi.advanceTimersByTimeAsync(5_000);
    expect(socket.did("ping")).toHaveLength(1);
    socket.say({ type: "pong", id: 1, ts: 0 });
    expect(stream.silence()).toBe(0);
    await vi.advanceTimersByTimeAsync(9_000);
    expect(stream.silence()).toBeGreaterThan(2_000);
    await vi.advanceTimersByTimeAsync(12_000);
    expect(FakeSocket.all.length).toBeGreaterThan(1);
  });

  it("renews its token in band before it ends", async () => {
    const socket = await live(300_000);
    tokens = ["token-2"];
    for (let second = 0; second < 230; second += 1) {
      await vi.advanceTimersByTimeAsync(1_000);
      socket.say({ type: "pong", id: 1, ts: 0 });
    }
    expect(socket.did("auth").map((frame) => frame.token)).toEqual(["token-1", "token-2"]);
    expect(FakeSocket.all).toHaveLength(1);
  });

  it("waits longer after each failure, never more than half a minute", async () => {
    stream.start();
    await vi.advanceTimersByTimeAsync(0);
    for (let failure = 0; failure < 12; failure += 1) {
      newest().end(1006);
      await vi.advanceTimersByTimeAsync(30_000);
    }
    expect(FakeSocket.all).toHaveLength(13);
    expect(stream.getStatus().failures).toBe(12);
  });
});
