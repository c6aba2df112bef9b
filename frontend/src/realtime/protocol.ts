/** The stream's messages, as the contract's chapter on `/ws/v1/stream` has them. Times are epoch ms, bar times seconds. */

export interface TickMessage {
  type: "tick";
  symbol: string;
  seq: number;
  ltp: number;
  ltq: number | null;
  ltt: number | null;
  bid: number | null;
  bid_qty: number | null;
  ask: number | null;
  ask_qty: number | null;
  open: number | null;
  high: number | null;
  low: number | null;
  prev_close: number | null;
  change_pct: number | null;
  volume: number | null;
  avg_price: number | null;
  oi: number | null;
  buy_qty: number | null;
  sell_qty: number | null;
  lower_band: number | null;
  upper_band: number | null;
  ts: number;
}

/** Price, quantity, number of orders. */
export type Level = [price: number, quantity: number, orders: number | null];

export interface DepthMessage {
  type: "depth";
  symbol: string;
  seq: number;
  bids: Level[];
  asks: Level[];
  ts: number;
}

export interface CandleMessage {
  type: "candle";
  symbol: string;
  interval: string;
  t: number;
  o: number;
  h: number;
  l: number;
  c: number;
  v: number | null;
  oi: number | null;
  closed: boolean;
}

export interface GapMessage {
  type: "gap";
  symbol: string | null;
  from: number | null;
  to: number | null;
  reason: string | null;
}

export interface FeedMessage {
  type: "feed";
  state: string;
  reason: string | null;
}

export interface BackfillMessage {
  type: "backfill";
  id: string;
  state: string;
}

/** Something of the user's trading changed; the REST API has the whole of it. */
export interface TradingMessage {
  type: "order" | "trade" | "position";
  account_id: string;
}

/** Something for the user's inbox. */
export interface NotificationMessage {
  type: "notification";
  id: string;
  kind: string;
  severity: "info" | "warning" | "critical";
  title: string;
  text: string;
  at: string;
  data: Record<string, string>;
}

/** Where a durable channel stands when it begins. `recovered` false: what was said meanwhile is lost to the stream. */
export interface ChannelPositionMessage {
  type: "position";
  channel: string;
  offset: number;
  epoch: string;
  recovered: boolean;
}

export interface AuthenticatedMessage {
  type: "authenticated";
  user_id: string;
  expires_at: number;
}

export interface RefusalMessage {
  type: "error";
  id: number | null;
  code: string;
  detail: string;
  channel?: string;
}

export type StreamMessage =
  | TickMessage
  | DepthMessage
  | CandleMessage
  | GapMessage
  | FeedMessage
  | BackfillMessage
  | TradingMessage
  | NotificationMessage
  | ChannelPositionMessage
  | AuthenticatedMessage
  | RefusalMessage
  | { type: "subscribed" | "unsubscribed"; id: number; channels: string[] }
  | { type: "pong"; id: number; ts: number };

/** The durable channel that a message belongs to, which can be taken up again after it; null for all others. */
export function durableChannel(message: StreamMessage): string | null {
  switch (message.type) {
    case "notification":
      return "notifications";
    case "position":
      return "channel" in message ? message.channel : "orders";
    case "order":
    case "trade":
      return "orders";
    default:
      return null;
  }
}

/** The messages of one frame. Members without a type are dropped: a newer server may say more than we know. */
export function parseFrame(text: string): StreamMessage[] {
  const parsed: unknown = JSON.parse(text);
  if (!Array.isArray(parsed)) throw new TypeError("a frame of the stream is an array");
  return parsed.filter((item): item is StreamMessage => typeof item === "object" && item !== null && "type" in item);
}
