import { act } from "react";
import { afterEach, expect, it, vi } from "vitest";

import { button, click, render, until } from "@/shared/testing";

import { CopyButton } from "./CopyButton";

let mounted: Awaited<ReturnType<typeof render>> | null = null;

afterEach(async () => {
  vi.unstubAllGlobals();
  await act(async () => mounted?.root.unmount());
  document.body.replaceChildren();
});

async function copied(clipboard: unknown): Promise<string> {
  vi.stubGlobal("navigator", { clipboard });
  mounted = await render(<CopyButton text="bwk_1" />);
  await click(button(document.body, "Copy"));
  await until(() => document.querySelector("[aria-live]")?.textContent !== "", "a word");
  return document.querySelector("[aria-live]")?.textContent ?? "";
}

it("copies and says so", async () => {
  const writeText = vi.fn(async () => undefined);
  expect(await copied({ writeText })).toBe("Copied.");
  expect(writeText).toHaveBeenCalledWith("bwk_1");
});

it.each([["no clipboard", undefined], ["a refusing one", { writeText: () => Promise.reject(new Error("denied")) }]])("says what to do with %s", async (_, clipboard) => {
  expect(await copied(clipboard)).toContain("select the text");
});
