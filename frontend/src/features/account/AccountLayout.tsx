import { NavLink, Outlet } from "react-router";

import { useSession } from "@/session/session";

import "./account.css";

const SECTIONS = [
  { to: "/account", name: "Sessions" },
  { to: "/account/security", name: "Password and second factor" },
  { to: "/account/api-keys", name: "API keys" },
  { to: "/account/activity", name: "Activity" },
  { to: "/account/display", name: "Display" },
];

/** The pages about the user, under one heading. */
export default function AccountLayout() {
  const session = useSession();
  const user = session.status === "signed-in" ? session.session.user : null;
  const sections = user?.role === "admin" ? [...SECTIONS, { to: "/account/people", name: "People" }] : SECTIONS;
  return (
    <div className="page">
      <h1>Account</h1>
      <nav className="sections" aria-label="Account">
        {sections.map(({ to, name }) => <NavLink key={to} to={to} end>{name}</NavLink>)}
      </nav>
      <Outlet />
    </div>
  );
}
