import { Menu } from "@base-ui/react/menu";
import { CircleUser } from "lucide-react";
import { useNavigate } from "react-router";

import type { UserView } from "@/api/generated";
import { signOut } from "@/session/session";
import { setTheme, type Theme, THEMES, useTheme } from "@/shared/ui/theme";

export function AccountMenu({ user, showKeys }: { user: UserView; showKeys: () => void }) {
  const theme = useTheme();
  const navigate = useNavigate();
  return (
    <Menu.Root>
      <Menu.Trigger className="button quiet icon" aria-label="Account"><CircleUser size={18} aria-hidden /></Menu.Trigger>
      <Menu.Portal>
        <Menu.Positioner align="end" sideOffset={4} style={{ zIndex: 12 }}>
          <Menu.Popup className="menu">
            <div className="who muted">{user.full_name ? `${user.full_name}, ` : ""}{user.email}</div>
            <Menu.RadioGroup value={theme} onValueChange={(value: Theme) => setTheme(value)}>
              {(Object.keys(THEMES) as Theme[]).map((name) => (
                <Menu.RadioItem key={name} value={name} closeOnClick>{name === theme ? "✓ " : ""}{THEMES[name]}</Menu.RadioItem>
              ))}
            </Menu.RadioGroup>
            <Menu.Item onClick={() => void navigate("/account")}>Account</Menu.Item>
            <Menu.Item onClick={() => void navigate("/account/api-keys")}>API keys</Menu.Item>
            <Menu.Item onClick={() => void navigate("/account/display")}>Display</Menu.Item>
            <Menu.Item onClick={showKeys}>Keyboard shortcuts</Menu.Item>
            <Menu.Item onClick={() => void signOut()}>Sign out</Menu.Item>
          </Menu.Popup>
        </Menu.Positioner>
      </Menu.Portal>
    </Menu.Root>
  );
}
