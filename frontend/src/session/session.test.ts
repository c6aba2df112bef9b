import { afterEach, beforeEach, expect, it, vi } from "vitest";

import { ApiError } from "@/api/problem";

import { accessToken, needsCode, sessions, signOut } from "./session";
import { SESSION_KEY } from "./store";

const user = { id: "u", email: "a@example.com", full_name: null, role: "user" as const, email_verified: true, mfa_enabled: false, created_at: "2026-01-01T00:00:00Z" };
const session = (minutes: number) => ({ user, accessToken: "a1", expiresAt: Date.now() + minutes * 60_000 });
let calls: { path: string; body: string }[];
let answer: () => Response;

beforeEach(() => {
  calls = [];
  answer = () => Response.json({ access_token: "a2", refresh_token: null, token_type: "bearer", expires_in: 900, user });
  vi.stubGlobal("fetch", async (request: Request) => {
    calls.push({ path: new URL(request.url).pathname, body: await request.text() });
    return answer();
  });
});

afterEach(() => {
  sessions.signOut();
  vi.unstubAllGlobals();
});

it("uses a token that is good, without asking", async () => {
  sessions.signIn(session(10));
  expect(await accessToken()).toBe("a1");
  expect(calls).toEqual([]);
});

it("refreshes once for many askers, since a refresh token works once", async () => {
  sessions.signIn(session(0.5));
  expect(await Promise.all([accessToken(), accessToken(), accessToken()])).toEqual(["a2", "a2", "a2"]);
  expect(calls).toEqual([{ path: "/api/v1/auth/refresh", body: "" }]);
});

it("keeps no token where a script could find it later", async () => {
  sessions.signIn(session(0.5));
  await accessToken();
  expect(JSON.stringify({ ...localStorage })).not.toMatch(/a1|a2/);
});

it("fetches a token of its own in a tab that was opened later", async () => {
  localStorage.setItem(SESSION_KEY, JSON.stringify({ user }));
  sessions.adopt();
  expect(sessions.get().status).toBe("signed-in");
  expect(await accessToken()).toBe("a2");
});

it("signs out with the tab that signed out", async () => {
  sessions.signIn(session(0.5));
  localStorage.removeItem(SESSION_KEY);
  expect(await accessToken()).toBeNull();
  expect(sessions.get().status).toBe("signed-out");
  expect(calls).toEqual([]);
});

it("replaces a token that the server refused", async () => {
  sessions.signIn(session(10));
  expect(await accessToken("a1")).toBe("a2");
});

it("asks for the password again when the refresh is refused, and knows whose", async () => {
  sessions.signIn(session(0.5));
  answer = () => Response.json({ code: "invalid_refresh_token", detail: "no", status: 401, request_id: "x" }, { status: 401 });
  expect(await accessToken()).toBeNull();
  expect(sessions.get()).toEqual({ status: "expired", user });
  expect(localStorage.getItem(SESSION_KEY)).toBeNull();
});

it("keeps the session when the server is away", async () => {
  sessions.signIn(session(0.5));
  answer = () => Response.json({ code: "unavailable", detail: "later", status: 503, request_id: "x" }, { status: 503 });
  await expect(accessToken()).rejects.toMatchObject({ status: 503 });
  expect(sessions.get().status).toBe("signed-in");
});

it("leaves nothing in the browser after signing out, even when the server cannot be told", async () => {
  sessions.signIn(session(10));
  answer = () => {
    throw new TypeError("offline");
  };
  await signOut();
  expect(sessions.get().status).toBe("signed-out");
  expect(localStorage.getItem(SESSION_KEY)).toBeNull();
});

it("asks for a code only when that is what is missing", () => {
  expect(needsCode(new ApiError(401, "otp_required", "code", "x"))).toBe(true);
  expect(needsCode(new ApiError(401, "invalid_credentials", "no", "x"))).toBe(false);
});
