import { expect, test } from "vitest";

import { eventName } from "./eventName";

test("events have names for people", () => {
  expect(eventName("sign_in.failed")).toBe("Sign-in refused");
});

test("an event of a newer server is still readable", () => {
  expect(eventName("vault.key_rotated")).toBe("vault key rotated");
});
