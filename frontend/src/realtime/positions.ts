import { durableChannel, type StreamMessage } from "./protocol";

/** The last message of each durable channel: after a reconnect the server sends what came since. */
export class Positions {
  private readonly seen = new Map<string, { offset: number; epoch: string }>();

  remember(message: StreamMessage): void {
    const channel = durableChannel(message);
    const { offset, epoch } = message as { offset?: unknown; epoch?: unknown };
    if (channel !== null && typeof offset === "number" && typeof epoch === "string") this.seen.set(channel, { offset, epoch });
  }

  /** `channel` as a subscription names it. */
  named(channel: string): string | { channel: string; since: { offset: number; epoch: string } } {
    const since = this.seen.get(channel);
    return since ? { channel, since } : channel;
  }

  clear(): void {
    this.seen.clear();
  }
}
