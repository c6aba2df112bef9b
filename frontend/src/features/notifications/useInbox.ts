import { useQuery, useQueryClient } from "@tanstack/react-query";
import { useEffect } from "react";

import { data } from "@/api/client";
import { countUnreadNotifications } from "@/api/generated";
import { onMessage, useChannels } from "@/realtime/stream";

/** How many notifications are unread; null while it is not known. */
export function useUnread(): number | null {
  const count = useQuery({ queryKey: ["notifications", "unread"], queryFn: () => data(countUnreadNotifications()), staleTime: 60_000 });
  return count.data?.unread ?? null;
}

/** Keep inbox, bell and alerts as the stream tells; what it could not keep for us is asked for. */
export function useNotificationEvents(): void {
  const cache = useQueryClient();
  useChannels(["notifications"]);
  useEffect(() => {
    const refresh = (key: string): void => void cache.invalidateQueries({ queryKey: [key] });
    const stops = [
      onMessage("notification", ({ kind }) => {
        refresh("notifications");
        if (kind.startsWith("alert.")) refresh("alerts");
        if (kind.startsWith("webhook.")) refresh("webhooks");
        if (kind.startsWith("hook.")) refresh("hooks");
      }),
      onMessage("position", ({ channel, recovered }) => {
        if (channel === "notifications" && !recovered) refresh("notifications");
      }),
    ];
    return () => stops.forEach((stop) => stop());
  }, [cache]);
}
