import type { UserView } from "@/api/generated";
import { load, save } from "@/shared/storage/json";

/** What a signed-in browser remembers. */
export interface Session {
  accessToken: string;
  refreshToken: string;
  /** Epoch milliseconds of this machine's clock. */
  expiresAt: number;
  user: UserView;
}

export type SessionState =
  | { status: "signed-out" }
  | { status: "signed-in"; session: Session }
  /** The sign-in ended by itself. Who it was stays known, so that the page can stay under a dialog. */
  | { status: "expired"; user: UserView };

export const SESSION_KEY = "breezeway.session";

function isSession(value: unknown): value is Session {
  return (
    typeof value === "object" && value !== null && "accessToken" in value && "refreshToken" in value &&
    "expiresAt" in value && "user" in value
  );
}

/**
 * The session of all tabs of this browser.
 *
 * Refresh tokens are single-use, and using one twice ends the sign-in. So all tabs share one record in localStorage
 * (a page that is reloaded uses the access token that is still good), and only the holder of a lock refreshes.
 */
export class SessionStore {
  private state: SessionState;
  private readonly listeners = new Set<() => void>();

  constructor() {
    const stored = load(SESSION_KEY);
    this.state = isSession(stored) ? { status: "signed-in", session: stored } : { status: "signed-out" };
    globalThis.addEventListener("storage", (event) => {
      if (event.key === SESSION_KEY || event.key === null) this.adopt();
    });
  }

  get = (): SessionState => this.state;

  subscribe = (listener: () => void): (() => void) => {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  };

  /** What the storage says now, which another tab may have written a moment ago. */
  stored(): Session | null {
    const stored = load(SESSION_KEY);
    return isSession(stored) ? stored : null;
  }

  signIn(session: Session): void {
    save(SESSION_KEY, session);
    this.set({ status: "signed-in", session });
  }

  signOut(): void {
    save(SESSION_KEY, null);
    this.set({ status: "signed-out" });
  }

  expire(): void {
    const { state } = this;
    save(SESSION_KEY, null);
    if (state.status === "signed-in") this.set({ status: "expired", user: state.session.user });
  }

  /** Take over what another tab did. */
  adopt(): void {
    const stored = this.stored();
    if (stored) {
      const now = this.state.status === "signed-in" ? this.state.session : null;
      if (now?.accessToken !== stored.accessToken) this.set({ status: "signed-in", session: stored });
    } else if (this.state.status === "signed-in") {
      this.set({ status: "signed-out" });
    }
  }

  private set(state: SessionState): void {
    this.state = state;
    for (const listener of this.listeners) listener();
  }
}
