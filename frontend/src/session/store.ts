import type { UserView } from "@/api/generated";
import { load, save } from "@/shared/storage/json";

/** Who is signed in in this browser. */
export interface Session {
  user: UserView;
  /** Null until this tab has fetched one. */
  accessToken: string | null;
  /** End of the access token, epoch milliseconds of this machine's clock. */
  expiresAt: number;
}

export type SessionState =
  | { status: "signed-out" }
  | { status: "signed-in"; session: Session }
  /** The sign-in ended by itself. Who it was stays known, so that the page can stay under a dialog. */
  | { status: "expired"; user: UserView };

export const SESSION_KEY = "breezeway.session";

interface Stored {
  user: UserView;
}

function isStored(value: unknown): value is Stored {
  return typeof value === "object" && value !== null && "user" in value && typeof value.user === "object" && value.user !== null;
}

/**
 * The session of this tab, and what all tabs know of it.
 *
 * No token is ever stored: the refresh token is in a cookie that no script can read, the access token in this tab's
 * memory. localStorage only says who is signed in, so that a reload shows the app at once and signing out in one tab signs
 * out all of them.
 */
export class SessionStore {
  private state: SessionState;
  private readonly listeners = new Set<() => void>();

  constructor() {
    const user = this.storedUser();
    this.state = user ? { status: "signed-in", session: withoutToken(user) } : { status: "signed-out" };
    globalThis.addEventListener("storage", (event) => {
      if (event.key === SESSION_KEY || event.key === null) this.adopt();
    });
  }

  get = (): SessionState => this.state;

  subscribe = (listener: () => void): (() => void) => {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  };

  /** Who is signed in as the storage says now, which another tab may have changed a moment ago. */
  storedUser(): UserView | null {
    const stored = load(SESSION_KEY);
    return isStored(stored) ? stored.user : null;
  }

  signIn(session: Session): void {
    save(SESSION_KEY, { user: session.user });
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
    const user = this.storedUser();
    if (user) {
      const now = this.state.status === "signed-in" ? this.state.session : null;
      if (now?.user.id !== user.id) this.set({ status: "signed-in", session: withoutToken(user) });
    } else if (this.state.status === "signed-in") {
      this.set({ status: "signed-out" });
    }
  }

  private set(state: SessionState): void {
    this.state = state;
    for (const listener of this.listeners) listener();
  }
}

function withoutToken(user: UserView): Session {
  return { user, accessToken: null, expiresAt: 0 };
}
