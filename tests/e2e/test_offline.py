"""With the broker unreachable everything that can still be answered is, marked with its age; it ends by itself."""

from collections.abc import AsyncIterator

import httpx
import pytest
import pytest_asyncio

from breezeway.testing.api_user import ApiUser
from breezeway.testing.eventually import eventually

pytestmark = pytest.mark.e2e

SYMBOL = "NSE:RELIANCE"
"""The seed has loaded ten days of it."""


@pytest_asyncio.fixture
async def cut_off(user: ApiUser) -> AsyncIterator[ApiUser]:
    """A user with a good session, at a broker that answers their every call with 503."""
    await user.connect_broker()
    accounts = (await user.http.get("/api/v1/broker-accounts")).json()["items"]
    assert [account["id"] for account in accounts] == [user.account_id]
    yield user
    async with httpx.AsyncClient() as plain:
        await plain.delete(f"{user.simulator}/_sim/faults")


async def broker_goes_away(user: ApiUser) -> None:
    broken = {"kind": "http_error", "status": 503, "user_id": f"U{user.api_key[2:-1].upper()}"}
    async with httpx.AsyncClient() as plain:
        (await plain.post(f"{user.simulator}/_sim/faults", json=broken)).raise_for_status()


async def broker_comes_back(user: ApiUser) -> None:
    async with httpx.AsyncClient() as plain:
        (await plain.delete(f"{user.simulator}/_sim/faults")).raise_for_status()


async def test_what_is_known_is_answered_with_its_age_and_the_rest_says_when_to_ask_again(cut_off: ApiUser) -> None:
    http = cut_off.http
    assert (await http.get(f"/api/v1/broker-accounts/{cut_off.account_id}/funds")).status_code == 200
    await broker_goes_away(cut_off)

    quote = await http.get("/api/v1/quotes", params={"symbols": SYMBOL})
    assert quote.status_code == 200, quote.text
    item = quote.json()["items"][0]
    assert item["ltp"] > 0
    assert item["stale"]
    assert item["source"] in {"stored", "feed"}
    candles = await http.get(f"/api/v1/candles/{SYMBOL}", params={"interval": "1d"})
    assert candles.status_code == 200, candles.text
    for path in ("/api/v1/instruments/search?q=reliance", "/api/v1/market/status", "/api/v1/feed", "/udf/config"):
        answer = await http.get(path)
        assert answer.status_code == 200, f"{path}: {answer.text}"
    assert (await cut_off.session())["state"] == "active"

    funds = await http.get(f"/api/v1/broker-accounts/{cut_off.account_id}/funds")
    assert funds.status_code in {502, 503, 504}
    assert funds.headers["Content-Type"] == "application/problem+json"
    assert funds.json()["code"].startswith("broker_")
    assert int(funds.headers["Retry-After"]) > 0

    await broker_comes_back(cut_off)

    async def works_again() -> bool:
        return (await http.get(f"/api/v1/broker-accounts/{cut_off.account_id}/funds")).status_code == 200

    await eventually(works_again, seconds=30, every=0.5)
    fresh = (await http.get("/api/v1/quotes", params={"symbols": SYMBOL})).json()["items"][0]
    assert not fresh["stale"]
