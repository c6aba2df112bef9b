import { expect, it } from "vitest";

import { moved } from "./watchlist";

it.each([
  [0, 2, ["b", "c", "a"]],
  [2, 0, ["c", "a", "b"]],
  [1, 1, ["a", "b", "c"]],
  [0, -1, ["a", "b", "c"]],
  [2, 3, ["a", "b", "c"]],
  [9, 0, ["a", "b", "c"]],
])("moves %i to %i", (from, to, result) => expect(moved(["a", "b", "c"], from, to)).toEqual(result));
