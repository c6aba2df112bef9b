import { expect, it } from "vitest";

import { type History, recorded, redone, undone, UNTOUCHED } from "./history";

it("goes back and forth", () => {
  let history: History<string> = recorded(recorded<string>(UNTOUCHED, "a"), "b");
  const back = undone(history, "c");
  expect(back?.value).toBe("b");
  history = back?.history ?? UNTOUCHED;
  const further = undone(history, "b");
  expect(further?.value).toBe("a");
  expect(undone(further?.history ?? UNTOUCHED, "a")).toBeNull();
  const forth = redone(further?.history ?? UNTOUCHED, "a");
  expect(forth?.value).toBe("b");
  expect(redone(forth?.history ?? UNTOUCHED, "b")?.value).toBe("c");
});

it("forgets what was taken back when something else is done", () => {
  const back = undone(recorded<string>(UNTOUCHED, "a"), "b");
  expect(redone(recorded(back?.history ?? UNTOUCHED, "a"), "c")).toBeNull();
});

it("keeps fifty steps", () => {
  let history: History<number> = UNTOUCHED;
  for (let i = 0; i < 80; i += 1) history = recorded(history, i);
  expect([history.past.length, history.past[0]]).toEqual([50, 30]);
});
