import { expect, it } from "vitest";

import { browserName } from "./browserName";

it.each([
  ["Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/150.0.0.0 Safari/537.36", "Chrome on Linux"],
  ["Mozilla/5.0 (Macintosh; Intel Mac OS X 14_0) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.0 Safari/605.1.15", "Safari on macOS"],
  ["curl/7.88.1", "curl/7.88.1"],
  [null, "unknown"],
])("%s", (agent, name) => expect(browserName(agent)).toBe(name));
