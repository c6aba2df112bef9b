import { useEffect, useState, useSyncExternalStore } from "react";

import { accessToken, sessions } from "@/session/session";

import type { BackfillMessage, CandleMessage, ChannelPositionMessage, FeedMessage, GapMessage, NotificationMessage, StreamMessage, TradingMessage } from "./protocol";
import { type SocketStatus, StreamSocket } from "./socket";
import { TickStore } from "./tickStore";

export const ticks = new TickStore();

type SlowMessage = CandleMessage | GapMessage | FeedMessage | BackfillMessage | TradingMessage | NotificationMessage | ChannelPositionMessage;
type Kind = SlowMessage["type"];
const handlers = new Map<Kind, Set<(message: SlowMessage) => void>>();

function dispatch(messages: readonly StreamMessage[]): void {
  for (const message of messages) {
    switch (message.type) {
      case "tick":
        ticks.writeTick(message);
        break;
      case "depth":
        ticks.writeDepth(message);
        break;
      case "candle":
      case "gap":
      case "feed":
      case "backfill":
      case "order":
      case "trade":
      case "position":
      case "notification":
        if (message.type === "feed") setFeed(message);
        for (const handler of handlers.get(message.type) ?? []) handler(message);
    }
  }
}

export const stream = new StreamSocket({
  url: () => `${location.protocol === "https:" ? "wss" : "ws"}://${location.host}/ws/v1/stream`,
  token: (refused) => accessToken(refused),
  onMessages: dispatch,
});

/** Hear messages of one type until the returned function is called. */
export function onMessage<K extends Kind>(type: K, handler: (message: Extract<SlowMessage, { type: K }>) => void): () => void {
  const set = handlers.get(type) ?? new Set();
  handlers.set(type, set);
  set.add(handler as (message: SlowMessage) => void);
  return () => set.delete(handler as (message: SlowMessage) => void);
}

let feed: FeedMessage | null = null;
const feedListeners = new Set<() => void>();
function setFeed(message: FeedMessage | null): void {
  feed = message;
  for (const listener of feedListeners) listener();
}
function subscribeFeed(listener: () => void): () => void {
  feedListeners.add(listener);
  return () => feedListeners.delete(listener);
}

/** The newest word of the feed about itself; null before the first. */
export function useFeed(): FeedMessage | null {
  return useSyncExternalStore(subscribeFeed, () => feed);
}

export function useStreamStatus(): SocketStatus {
  return useSyncExternalStore(stream.subscribe, stream.getStatus);
}

/** Milliseconds that an answer of the server is overdue, looked at once a second. */
export function useSilence(): number {
  const [silence, setSilence] = useState(0);
  useEffect(() => {
    const timer = setInterval(() => setSilence(Math.floor(stream.silence() / 1000) * 1000), 1_000);
    return () => clearInterval(timer);
  }, []);
  return silence;
}

/** Keep `channels` subscribed while the component is there. */
export function useChannels(channels: readonly string[]): void {
  const key = channels.join("\n");
  useEffect(() => (key ? stream.retain(key.split("\n")) : undefined), [key]);
}

let followed: string | null = null;
function follow(): void {
  const state = sessions.get();
  const user = state.status === "signed-in" ? state.session.user.id : null;
  if (user === followed) return;
  followed = user;
  stream.stop();
  if (state.status !== "expired") {
    ticks.clear();
    setFeed(null);
  }
  if (user !== null) stream.start();
}

/** Connect while somebody is signed in. Call once. */
export function startStream(): void {
  sessions.subscribe(follow);
  follow();
  addEventListener("online", () => stream.nudge());
  document.addEventListener("visibilitychange", () => {
    if (document.visibilityState === "visible") stream.nudge();
  });
}
