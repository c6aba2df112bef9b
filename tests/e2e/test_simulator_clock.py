"""The simulated exchange's clock through the gateway, at a stack of `make run`."""

import httpx
import pytest

from breezeway.testing.api_user import ApiUser

pytestmark = pytest.mark.e2e

CLOCK = "/api/v1/dev/simulator/clock"


async def test_the_administrator_and_nobody_else_has_the_clock(admin: httpx.AsyncClient, user: ApiUser) -> None:
    read = await admin.get(CLOCK)
    assert (read.status_code, read.json()["mode"], read.json()["replay"]) == (200, "replay", True), read.text
    # As it is already: the stack belongs to other tests, too.
    moved = await admin.post(CLOCK, json={"speed": read.json()["speed"]})
    assert moved.status_code == 200, moved.text
    assert moved.json()["exchange_time"][:10] == "2026-11-18"
    days = (await admin.get("/api/v1/dev/simulator/days", params={"limit": 5})).json()["items"]
    assert len(days) == 5
    assert days == sorted(days, reverse=True)
    for answer in (await user.http.get(CLOCK), await user.http.post(CLOCK, json={"speed": 2})):
        assert (answer.status_code, answer.json()["code"]) == (403, "admin_only")
