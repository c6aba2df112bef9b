/** What each kind of event is called, in the order in which they are listed. */
export const KINDS: Readonly<Record<string, string>> = {
  "order.filled": "Order filled",
  "order.rejected": "Order rejected",
  "margin.short": "Margin is short",
  "alert.fired": "Alert fired",
  "broker_session.expiring": "Broker session ends soon",
  "broker_session.expired": "Broker session ended",
  "broker_session.rejected": "Broker refused the session",
  "feed.down": "Price feed is down",
  "feed.back": "Price feed is back",
  "backfill.done": "Backfill done",
  "backfill.failed": "Backfill failed",
  "hook.order": "Order from a hook",
  "hook.refused": "Hook refused",
  "webhook.disabled": "Webhook switched off",
  "webhook.test": "Test of a webhook",
  "security.changed": "Account security",
};

/** A kind in words; a newer server may know more of them than we do. */
export function kindName(kind: string): string {
  const words = kind.replaceAll(/[._]/g, " ");
  return KINDS[kind] ?? words.charAt(0).toUpperCase() + words.slice(1);
}

const PLACES: [prefix: string, path: string][] = [
  ["order.", "/orders"], ["margin.", "/portfolio"], ["broker_session.", "/connect"], ["feed.", "/system"], ["backfill.", "/data"],
  ["hook.", "/notifications/hooks"], ["webhook.", "/notifications/webhooks"], ["security.", "/account/activity"],
];

/** The page on which something can be done about it; null where there is none. */
export function placeOf(kind: string, about: Readonly<Record<string, string>>): string | null {
  if (kind === "alert.fired" && about.symbol) return `/chart/${encodeURIComponent(about.symbol)}`;
  return PLACES.find(([prefix]) => kind.startsWith(prefix))?.[1] ?? null;
}

/** Whether it is worth a word over whatever the user is doing: money is at risk, or they asked to be told. */
export function isUrgent(kind: string, severity: string): boolean {
  return severity === "critical" || kind === "alert.fired" || kind === "order.rejected" || kind === "margin.short";
}
