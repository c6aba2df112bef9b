import { afterClose, backoffMs, between } from "./closing";
import { Positions } from "./positions";
import { parseFrame, type StreamMessage } from "./protocol";

export type Phase = "idle" | "connecting" | "authenticating" | "live" | "backoff" | "blocked" | "signed-out";

export interface SocketStatus {
  phase: Phase;
  /** Failed tries since the last time that it was live. */
  failures: number;
  /** The code of the last close; null before one. */
  lastClose: number | null;
  /** Why it is blocked. */
  reason: string | null;
}

export interface SocketOptions {
  url: () => string;
  /** An access token; `refused` names one that the server did not take. Null: nobody is signed in. Rejects when offline. */
  token: (refused: string | null) => Promise<string | null>;
  onMessages: (messages: readonly StreamMessage[]) => void;
  open?: (url: string) => WebSocket;
}

const HEARTBEAT_MS = 5_000;
const DEAD_MS = 12_000;
const BATCH_MS = 20;
const RENEW_BEFORE_MS = 75_000;
const CHANNELS_PER_FRAME = 250;

/**
 * The one connection to the stream: authenticates, keeps the wanted channels subscribed, renews its token in band,
 * notices silence, and comes back after everything that it may come back from.
 *
 * Channels are counted: the first `retain` subscribes, the last release unsubscribes, 20 ms later and in one frame.
 */
export class StreamSocket {
  private socket: WebSocket | null = null;
  private status: SocketStatus = { phase: "idle", failures: 0, lastClose: null, reason: null };
  private readonly wanted = new Map<string, number>();
  private readonly sent = new Set<string>();
  private readonly positions = new Positions();
  private readonly listeners = new Set<() => void>();
  private timer: ReturnType<typeof setTimeout> | undefined;
  private batch: ReturnType<typeof setTimeout> | undefined;
  private renewal: ReturnType<typeof setTimeout> | undefined;
  private heartbeat: ReturnType<typeof setInterval> | undefined;
  private presented: string | null = null;
  private refused: string | null = null;
  private nextId = 1;
  /** When the oldest ping without an answer was sent; null when all are answered. */
  private unansweredSince: number | null = null;

  constructor(private readonly options: SocketOptions) {}

  getStatus = (): SocketStatus => this.status;

  subscribe = (listener: () => void): (() => void) => {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  };

  /** Milliseconds that the server has owed us an answer. */
  silence(now = Date.now()): number {
    return this.unansweredSince === null ? 0 : now - this.unansweredSince;
  }

  start(): void {
    if (this.status.phase === "idle" || this.status.phase === "signed-out") void this.connect();
  }

  stop(): void {
    this.drop();
    this.positions.clear();
    this.refused = null;
    this.set({ phase: "idle", failures: 0, reason: null });
  }

  /** Try now instead of when the pause ends: the network is back, the page is visible, the user asks. */
  nudge(): void {
    if (this.status.phase === "backoff" || this.status.phase === "blocked") void this.connect();
    else if (this.status.phase === "live") this.ping();
  }

  /** Want `channels` until the returned function is called; calling it twice counts once. */
  retain(channels: readonly string[]): () => void {
    const unique = [...new Set(channels)];
    for (const channel of unique) this.wanted.set(channel, (this.wanted.get(channel) ?? 0) + 1);
    this.schedule();
    let held = true;
    return () => {
      if (!held) return;
      held = false;
      for (const channel of unique) {
        const left = (this.wanted.get(channel) ?? 1) - 1;
        if (left > 0) this.wanted.set(channel, left);
        else this.wanted.delete(channel);
      }
      this.schedule();
    };
  }

  private async connect(): Promise<void> {
    this.drop();
    this.set({ phase: "connecting", reason: null });
    let token: string | null;
    try {
      token = await this.options.token(this.refused);
    } catch {
      this.retryLater(null);
      return;
    }
    // Stopped, or connected by somebody else, while the token was fetched.
    if (this.status.phase !== "connecting" || this.socket) return;
    if (token === null) {
      this.set({ phase: "signed-out" });
      return;
    }
    const socket = (this.options.open ?? ((url) => new WebSocket(url)))(this.options.url());
    this.socket = socket;
    this.presented = token;
    socket.onopen = () => {
      this.set({ phase: "authenticating" });
      this.send({ action: "auth", token });
      this.beat();
    };
    socket.onmessage = (event) => this.receive(String(event.data));
    socket.onclose = (event) => this.closed(socket, event.code);
  }

  private receive(text: string): void {
    this.unansweredSince = null;
    const messages = parseFrame(text);
    for (const message of messages) {
      if (message.type === "authenticated") this.authenticated(message.expires_at);
      else if (message.type === "error" && message.channel) this.sent.delete(message.channel);
      this.positions.remember(message);
    }
    this.options.onMessages(messages);
  }

  private authenticated(expiresAt: number): void {
    this.refused = null;
    if (this.status.phase !== "live") {
      this.sent.clear();
      this.set({ phase: "live", failures: 0 });
      this.flush();
    }
    clearTimeout(this.renewal);
    this.renewal = setTimeout(() => void this.renew(), Math.max(1_000, expiresAt - Date.now() - RENEW_BEFORE_MS));
  }

  private async renew(): Promise<void> {
    try {
      const token = await this.options.token(this.presented);
      if (token === null || this.status.phase !== "live") return;
      this.presented = token;
      this.send({ action: "auth", token });
    } catch {
      // The old token is good for another minute.
      this.renewal = setTimeout(() => void this.renew(), 10_000);
    }
  }

  private closed(socket: WebSocket, code: number): void {
    if (socket !== this.socket) return;
    this.drop();
    this.status = { ...this.status, lastClose: code };
    const next = afterClose(code);
    if (next.action === "stop") {
      this.set({ phase: "blocked", reason: next.reason });
    } else if (next.action === "authenticate") {
      this.refused = this.presented;
      this.retryLater(this.status.failures === 0 ? [0, 500] : null);
    } else {
      this.retryLater(this.status.failures === 0 ? next.pauseMs : null);
    }
  }

  private retryLater(pause: [number, number] | null): void {
    const wait = pause ? between(pause) : backoffMs(this.status.failures);
    this.set({ phase: "backoff", failures: this.status.failures + 1 });
    this.timer = setTimeout(() => void this.connect(), wait);
  }

  private beat(): void {
    clearInterval(this.heartbeat);
    this.heartbeat = setInterval(() => {
      if (this.silence() < DEAD_MS) {
        this.ping();
        return;
      }
      // A half-open connection would wait minutes for TCP to notice.
      const dead = this.socket;
      if (dead) this.closed(dead, 1006);
      dead?.close();
    }, HEARTBEAT_MS);
  }

  private ping(): void {
    if (this.status.phase !== "live" && this.status.phase !== "authenticating") return;
    this.unansweredSince ??= Date.now();
    if (this.status.phase === "live") this.send({ action: "ping", id: this.nextId++ });
  }

  private schedule(): void {
    this.batch ??= setTimeout(() => this.flush(), BATCH_MS);
  }

  private flush(): void {
    clearTimeout(this.batch);
    this.batch = undefined;
    if (this.status.phase !== "live") return;
    const missing = [...this.wanted.keys()].filter((channel) => !this.sent.has(channel));
    const surplus = [...this.sent].filter((channel) => !this.wanted.has(channel));
    this.tell("unsubscribe", surplus);
    this.tell("subscribe", missing);
    for (const channel of surplus) this.sent.delete(channel);
    for (const channel of missing) this.sent.add(channel);
  }

  private tell(action: "subscribe" | "unsubscribe", channels: string[]): void {
    for (let from = 0; from < channels.length; from += CHANNELS_PER_FRAME) {
      const part = channels.slice(from, from + CHANNELS_PER_FRAME);
      this.send({ action, id: this.nextId++, channels: action === "subscribe" ? part.map((channel) => this.positions.named(channel)) : part });
    }
  }

  private send(frame: object): void {
    if (this.socket?.readyState === WebSocket.OPEN) this.socket.send(JSON.stringify(frame));
  }

  private drop(): void {
    clearTimeout(this.timer);
    clearTimeout(this.renewal);
    clearInterval(this.heartbeat);
    this.unansweredSince = null;
    this.sent.clear();
    const { socket } = this;
    this.socket = null;
    if (!socket) return;
    socket.onopen = socket.onmessage = socket.onclose = null;
    socket.close();
  }

  private set(change: Partial<SocketStatus>): void {
    this.status = { ...this.status, ...change };
    for (const listener of this.listeners) listener();
  }
}
