/** What the message of a TradingView alert has to be, so that a hook with `TEMPLATE` makes an order of it. */
export const TEMPLATE: Readonly<Record<string, string>> = {
  symbol: "NSE:{{ticker}}", side: "{{action}}", quantity: "{{contracts}}", order_type: "market", product: "mis", id: "{{id}}",
};

/** The message to paste into TradingView. `{{…}}` is filled in there. */
export function tradingViewMessage(secret: string): string {
  return JSON.stringify(
    { secret, id: "{{strategy.order.id}}-{{timenow}}", ticker: "{{ticker}}", action: "{{strategy.order.action}}", contracts: "{{strategy.order.contracts}}" },
    null, 1,
  );
}

/** A template out of what somebody typed: an object of texts. Null where it is none. */
export function parseTemplate(text: string): Record<string, string> | null {
  if (text.trim() === "") return {};
  try {
    const parsed: unknown = JSON.parse(text);
    if (typeof parsed !== "object" || parsed === null || Array.isArray(parsed)) return null;
    const entries = Object.entries(parsed);
    return entries.every(([, value]) => typeof value === "string") ? (Object.fromEntries(entries) as Record<string, string>) : null;
  } catch {
    return null;
  }
}
