import { Bell as Icon } from "lucide-react";
import { Link } from "react-router";

import { useNotificationEvents, useUnread } from "@/features/notifications/useInbox";

const MOST_SHOWN = 99;

/** How much waits in the inbox, and the way there. */
export function Bell() {
  useNotificationEvents();
  const unread = useUnread() ?? 0;
  const words = unread === 0 ? "Notifications" : `Notifications, ${unread} unread`;
  return (
    <Link className="button quiet icon bell" to="/notifications" aria-label={words} title={words}>
      <Icon size={18} aria-hidden />
      {unread > 0 && <span className="count" aria-hidden>{unread > MOST_SHOWN ? `${MOST_SHOWN}+` : unread}</span>}
    </Link>
  );
}
