import { expect, test } from "vitest";

import { mailedToken } from "./mailedToken";

test("a token is read from behind the hash", () => {
  expect(mailedToken("#token=pXq0v4k3")).toBe("pXq0v4k3");
});

test.each(["", "#", "#other=1"])("%j carries none", (hash) => {
  expect(mailedToken(hash)).toBeNull();
});
