import { useSyncExternalStore } from "react";

import { configureClient, data } from "@/api/client";
import { logIn, logOut, refreshSession, registerUser, type TokenView } from "@/api/generated";
import { ApiError } from "@/api/problem";

import { type Session, type SessionState, SessionStore } from "./store";

/** A token that ends within this time is replaced before it is used. */
const MARGIN_MS = 60_000;

export const sessions = new SessionStore();

configureClient({ token: () => accessToken(), renew: (refused) => accessToken(refused) });

function remembered(answer: TokenView): Session {
  return {
    accessToken: answer.access_token,
    refreshToken: answer.refresh_token,
    expiresAt: Date.now() + answer.expires_in * 1000,
    user: answer.user,
  };
}

function usable(session: Session, refused: string | null): boolean {
  return session.accessToken !== refused && session.expiresAt - MARGIN_MS > Date.now();
}

/**
 * An access token that will be good for the next minute; null when there is no sign-in any more.
 *
 * @param refused a token that the server no longer takes, however long it should live.
 */
export async function accessToken(refused: string | null = null): Promise<string | null> {
  const state = sessions.get();
  if (state.status !== "signed-in") return null;
  if (usable(state.session, refused)) return state.session.accessToken;
  return exclusively(async () => {
    const latest = sessions.stored();
    if (!latest) {
      sessions.adopt();
      return null;
    }
    if (usable(latest, refused)) {
      sessions.adopt();
      return latest.accessToken;
    }
    return refresh(latest);
  });
}

async function refresh(session: Session): Promise<string | null> {
  try {
    const answer = await data(
      refreshSession({ body: { refresh_token: session.refreshToken }, keepalive: true }),
    );
    const next = remembered(answer);
    sessions.signIn(next);
    return next.accessToken;
  } catch (error) {
    // Only a refusal ends the sign-in; a server that is away or busy does not.
    if (!(error instanceof ApiError) || error.status !== 401) throw error;
    sessions.expire();
    return null;
  }
}

async function exclusively<T>(work: () => Promise<T>): Promise<T> {
  // Web Locks exist on secure origins (localhost counts). Elsewhere one tab at a time has to do.
  const locks = navigator.locks as LockManager | null | undefined;
  if (locks) return locks.request("breezeway.refresh", work);
  const mine = queue.then(work, work);
  queue = mine.catch(() => undefined);
  return mine;
}
let queue: Promise<unknown> = Promise.resolve();

export async function signIn(email: string, password: string): Promise<void> {
  sessions.signIn(remembered(await data(logIn({ body: { email, password } }))));
}

/** Create the user, then sign in. */
export async function signUp(email: string, password: string, fullName: string): Promise<void> {
  await data(registerUser({ body: { email, password, full_name: fullName || null } }));
  await signIn(email, password);
}

/** Forget the session here at once, and end it on the server as well as that can be done. */
export async function signOut(): Promise<void> {
  const state = sessions.get();
  sessions.signOut();
  if (state.status !== "signed-in") return;
  try {
    await data(logOut({ body: { refresh_token: state.session.refreshToken }, keepalive: true }));
  } catch {
    // The token is gone from this browser; the server ends what is not refreshed by itself.
    return;
  }
}

export function useSession(): SessionState {
  return useSyncExternalStore(sessions.subscribe, sessions.get);
}
