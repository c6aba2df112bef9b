import { afterEach, expect, it, vi } from "vitest";

import { uniqueId } from "./unique";

afterEach(() => vi.unstubAllGlobals());

it("makes ids where the page has no randomUUID, as over plain HTTP", () => {
  const { crypto } = globalThis;
  vi.stubGlobal("crypto", { getRandomValues: (bytes: Uint8Array<ArrayBuffer>) => crypto.getRandomValues(bytes) });
  const ids = new Set(Array.from({ length: 100 }, uniqueId));
  expect(ids.size).toBe(100);
  for (const id of ids) expect(id).toMatch(/^[0-9a-f]{32}$/);
});
