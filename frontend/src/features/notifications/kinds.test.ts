import { expect, it } from "vitest";

import { isUrgent, kindName, placeOf } from "./kinds";

it.each([
  ["order.filled", "Order filled"],
  ["broker_session.renewed", "Broker session renewed"],
])("%s is called %s", (kind, name) => expect(kindName(kind)).toBe(name));

it.each([
  ["order.filled", {}, "/orders"],
  ["alert.fired", { symbol: "NSE:M&M" }, "/chart/NSE%3AM%26M"],
  ["alert.fired", {}, null],
  ["webhook.disabled", {}, "/notifications/webhooks"],
  ["moon.full", {}, null],
])("%s with %o leads to %s", (kind, about, place) => expect(placeOf(kind, about)).toBe(place));

it.each([
  ["alert.fired", "info", true],
  ["order.rejected", "warning", true],
  ["feed.down", "critical", true],
  ["order.filled", "info", false],
  ["backfill.failed", "warning", false],
])("%s (%s) is urgent: %s", (kind, severity, urgent) => expect(isUrgent(kind, severity)).toBe(urgent));
