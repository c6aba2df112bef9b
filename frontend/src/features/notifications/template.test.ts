import { expect, it } from "vitest";

import { parseTemplate, TEMPLATE, tradingViewMessage } from "./template";

it("fills every member that the template takes from a message", () => {
  const message = JSON.parse(tradingViewMessage("bwh_x")) as Record<string, string>;
  const taken = Object.values(TEMPLATE).flatMap((text) => [...text.matchAll(/\{\{(\w+)\}\}/g)].map((match) => match[1] ?? ""));
  expect(taken.length).toBeGreaterThan(0);
  expect(Object.keys(message)).toEqual(expect.arrayContaining(taken));
  expect(message.secret).toBe("bwh_x");
});

it.each([
  ["", {}],
  [' {"side": "{{action}}"} ', { side: "{{action}}" }],
  ["[]", null],
  ["null", null],
  ["{", null],
  ['{"quantity": 5}', null],
])("%s is %o", (text, template) => expect(parseTemplate(text)).toEqual(template));
