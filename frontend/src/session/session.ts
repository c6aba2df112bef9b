import { useSyncExternalStore } from "react";

import { configureClient, data } from "@/api/client";
import { logIn, logOut, refreshSession, registerUser, type TokenView, type UserView } from "@/api/generated";
import { ApiError } from "@/api/problem";

import { type Session, type SessionState, SessionStore } from "./store";

/** A token that ends within this time is replaced before it is used. */
const MARGIN_MS = 60_000;

export const sessions = new SessionStore();

configureClient({ token: () => accessToken(), renew: (refused) => accessToken(refused) });

function remembered(answer: TokenView): Session {
  return { user: answer.user, accessToken: answer.access_token, expiresAt: Date.now() + answer.expires_in * 1000 };
}

function usable(session: Session, refused: string | null): boolean {
  return session.accessToken !== null && session.accessToken !== refused && session.expiresAt - MARGIN_MS > Date.now();
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
    sessions.adopt();
    const now = sessions.get();
    if (now.status !== "signed-in") return null;
    // Somebody else in this tab has refreshed while we waited for the lock.
    if (usable(now.session, refused)) return now.session.accessToken;
    return refresh();
  });
}

/** The refresh token is in the cookie. It works once, which is why only the holder of the lock comes here. */
async function refresh(): Promise<string | null> {
  try {
    const next = remembered(await data(refreshSession({ keepalive: true })));
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

/** @param code of the authenticator app, or a recovery code, where two-factor sign-in is on. */
export async function signIn(email: string, password: string, code: string | null = null): Promise<void> {
  sessions.signIn(remembered(await data(logIn({ body: { email, password, otp: code, cookie: true } }))));
}

/** The address had an account before: the server does not say so to a stranger, but its password is not the new one. */
export class PerhapsTaken extends Error {
  override name = "PerhapsTaken";
}

/** Create the user, then sign in. */
export async function signUp(email: string, password: string, fullName: string): Promise<void> {
  await data(registerUser({ body: { email, password, full_name: fullName || null } }));
  try {
    await signIn(email, password);
  } catch (error) {
    if (error instanceof ApiError && (error.status === 401 || needsCode(error))) throw new PerhapsTaken("This address seems to have an account already.");
    throw error;
  }
}

/** Forget the session here at once, and end it on the server as well as that can be done. */
export async function signOut(): Promise<void> {
  const { status } = sessions.get();
  sessions.signOut();
  if (status !== "signed-in") return;
  try {
    await exclusively(() => data(logOut({ keepalive: true })));
  } catch {
    // Nobody in this browser can use the cookie without a page of ours; the server ends what is not refreshed by itself.
    return;
  }
}

/** Whether a sign-in was refused only because the code of the second factor is missing. */
export function needsCode(error: unknown): boolean {
  return error instanceof ApiError && error.code === "otp_required";
}

/** Put a changed profile where the pages find it. */
export function updateUser(user: UserView): void {
  const state = sessions.get();
  if (state.status === "signed-in") sessions.signIn({ ...state.session, user });
}

export function useSession(): SessionState {
  return useSyncExternalStore(sessions.subscribe, sessions.get);
}
