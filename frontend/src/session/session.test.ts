import { afterEach, beforeEach, expect, it, vi } from "vitest";

import { accessToken, sessions, signOut } from "./session";
import { SESSION_KEY } from "./store";

const user = { id: "u", email: "a@example.com", full_name: null, role: "user" as const, created_at: "2026-01-01T00:00:00Z" };
const session = (minutes: number, n = 1) => ({ accessToken: `a${n}`, refreshToken: `r${n}`, expiresAt: Date.now() + minutes * 60_000, user });
let calls: { path: string; body: string }[];
let answer: () => Response;

beforeEach(() => {
  calls = [];
  answer = () => Response.json({ access_token: "a2", refresh_token: "r2", token_type: "bearer", expires_in: 900, user });
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
  expect(calls).toEqual([{ path: "/api/v1/auth/refresh", body: '{"refresh_token":"r1"}' }]);
});

it("takes the pair that another tab has fetched meanwhile", async () => {
  sessions.signIn(session(0.5));
  localStorage.setItem(SESSION_KEY, JSON.stringify(session(10, 7)));
  expect(await accessToken()).toBe("a7");
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
