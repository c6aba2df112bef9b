import { act } from "react";
import { afterEach, expect, it } from "vitest";

import { KeyMap } from "@/shared/keys/KeyMap";
import { charactersAreOn } from "@/shared/keys/keys";
import { click, fakeApi, render, until } from "@/shared/testing";

import { storedDisplay, useDisplayOnPage } from "./display";

const PLACE = "/api/v1/users/me/preferences";
let mounted: Awaited<ReturnType<typeof render>> | null = null;

afterEach(async () => {
  await act(async () => mounted?.root.unmount());
  mounted = null;
  document.body.replaceChildren();
  localStorage.clear();
});

it("makes settings of whatever is stored", () => {
  expect(storedDisplay(null)).toEqual({ density: "standard", characters: true });
  expect(storedDisplay({ density: "28", characters: false })).toEqual({ density: "28", characters: false });
  expect(storedDisplay({ density: "12", characters: "no" })).toEqual({ density: "standard", characters: true });
  expect(storedDisplay("nonsense")).toEqual({ density: "standard", characters: true });
});

function Page() {
  useDisplayOnPage();
  return <KeyMap close={() => undefined} />;
}

it("shows what is bound, puts the settings on the page and stores a change", async () => {
  const calls = fakeApi({
    [`GET ${PLACE}`]: { items: [{ key: "display", updated_at: "2026-11-20T10:00:00Z" }] },
    [`GET ${PLACE}/display`]: { density: "24", characters: true },
    [`PUT ${PLACE}/display`]: { density: "24", characters: false },
  });
  mounted = await render(<Page />);
  const { dataset } = document.documentElement;
  await until(() => dataset.density === "24", "the stored height of rows");
  const everywhere = document.querySelector("section[aria-label=Everywhere]");
  expect(everywhere?.textContent).toContain("Search an instrumentCtrlK or /");
  expect(everywhere?.textContent).toContain("Show these shortcuts?");
  await click(document.querySelector("input[type=checkbox]"));
  await until(() => !charactersAreOn(), "letters that do nothing");
  expect(document.querySelector("section[aria-label=Everywhere]")?.textContent).toContain("Show these shortcutsoff");
  await until(() => calls.some(({ method }) => method === "PUT"), "the change on its way to the server");
  expect(calls.find(({ method }) => method === "PUT")).toMatchObject({ path: `${PLACE}/display`, body: { density: "24", characters: false } });
});
