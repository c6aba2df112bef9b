import { NavLink, Outlet } from "react-router";

import "./notifications.css";

const SECTIONS = [
  { to: "/notifications", name: "Inbox" },
  { to: "/notifications/alerts", name: "Alerts" },
  { to: "/notifications/webhooks", name: "Webhooks" },
  { to: "/notifications/hooks", name: "Hooks" },
  { to: "/notifications/settings", name: "Settings" },
];

/** What the user was told, and what tells them, under one heading. */
export default function NotificationsLayout() {
  return (
    <div className="page">
      <h1>Notifications</h1>
      <nav className="sections" aria-label="Notifications">
        {SECTIONS.map(({ to, name }) => <NavLink key={to} to={to} end>{name}</NavLink>)}
      </nav>
      <Outlet />
    </div>
  );
}
