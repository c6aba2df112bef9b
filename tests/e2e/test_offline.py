"""With the broker unreachable everything that can still be answered is, marked with its age; it ends by itself."""

import re
from collections.abc import AsyncIterator, Mapping
from typing import Any, Final

import httpx
import pytest
import pytest_asyncio

from breezeway.ids import new_id
from breezeway.testing.api_user import ApiUser
from breezeway.testing.eventually import eventually

pytestmark = pytest.mark.e2e

SYMBOL = "NSE:RELIANCE"
"""The seed has loaded ten days of it."""
BROKER_ACCOUNT: Final = "/api/v1/broker-accounts/{account_id}"
ONLY_THE_BROKER_KNOWS: Final = {f"{BROKER_ACCOUNT}/{what}" for what in ("profile", "funds", "holdings", "positions")}
NOT_A_READ: Final = {
    "/api/v1/broker-accounts/callback",  # where the broker's login page leads
    "/api/v1/instruments.csv.gz",  # the database's own export, of megabytes
}
QUERIES: Final[Mapping[str, str]] = {
    "/api/v1/instruments/search": "q=reliance",
    "/api/v1/quotes": f"symbols={SYMBOL}",
    "/api/v1/candles/{symbol}": "interval=1d&live=true",
    "/api/v1/candles/{symbol}/coverage": "interval=1d",
    "/udf/history": f"symbol={SYMBOL}&resolution=1D&to=4000000000&countback=5",
    "/udf/quotes": f"symbols={SYMBOL}",
    "/udf/symbols": f"symbol={SYMBOL}",
    "/udf/search": "query=reliance",
}
ANSWERED: Final = {
    *("/api/v1/alerts", "/api/v1/alerts/{alert_id}", "/api/v1/audit", "/api/v1/auth/api-keys", "/api/v1/auth/sessions"),
    *("/api/v1/backfills", "/api/v1/broker-accounts", BROKER_ACCOUNT, f"{BROKER_ACCOUNT}/session"),
    *("/api/v1/candles/{symbol}", "/api/v1/candles/{symbol}/coverage", "/api/v1/feed", "/api/v1/indicators"),
    *("/api/v1/instruments", "/api/v1/instruments/search", "/api/v1/instruments/{symbol}"),
    *("/api/v1/instruments/{underlying}/expiries", "/api/v1/market/status", "/api/v1/notifications"),
    *("/api/v1/notifications/preferences", "/api/v1/notifications/unread-count", "/api/v1/option-chain/{underlying}"),
    *("/api/v1/quotes", "/api/v1/subscriptions", "/api/v1/system/status", "/api/v1/trading/accounts"),
    *(
        f"/api/v1/trading/accounts/{{account_id}}{what}"
        for what in ("", "/holdings", "/ledger", "/performance", "/portfolio/history", "/positions", "/trades")
    ),
    *("/api/v1/trading/accounts/{account_id}/contract-notes", "/api/v1/trading/order-groups", "/api/v1/trading/orders"),
    *("/api/v1/trading/orders/{order_id}", "/api/v1/trading/orders/{order_id}/events", "/api/v1/users/me"),
    *("/api/v1/banking/accounts", "/api/v1/banking/transfers", "/api/v1/hooks", "/api/v1/webhooks"),
    *("/api/v1/watchlists", "/api/v1/watchlists/{watchlist_id}", "/.well-known/jwks.json"),
    *("/udf/config", "/udf/history", "/udf/quotes", "/udf/search", "/udf/symbols", "/udf/time"),
}
"""Reads that must be answered with 200. Those in none of these sets may say 403, 404 or 422, but never 5xx."""


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
    await broken(user, {"kind": "http_error", "status": 503})


async def broken(user: ApiUser, fault: Mapping[str, Any]) -> None:
    """For this user alone; others work on."""
    async with httpx.AsyncClient() as plain:
        body = {**fault, "user_id": f"U{user.api_key[2:-1].upper()}"}
        (await plain.post(f"{user.simulator}/_sim/faults", json=body)).raise_for_status()


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

    await eventually(works_again, seconds=120, every=0.5)
    fresh = (await http.get("/api/v1/quotes", params={"symbols": SYMBOL})).json()["items"][0]
    assert not fresh["stale"]


async def created(http: httpx.AsyncClient, path: str, body: Mapping[str, Any]) -> str:
    answer = await http.post(path, json=body)
    assert answer.status_code == 201, f"{path}: {answer.text}"
    return str(answer.json()["id"])


@pytest.mark.timeout(600)
async def test_every_read_that_can_still_be_answered_is_and_recovers_by_itself(cut_off: ApiUser) -> None:
    """The broker's REST answers 503 and its socket is silent: every GET route of the API, by its OpenAPI."""
    http = cut_off.http
    paper = await created(http, "/api/v1/trading/accounts", {"name": "Paper", "initial_cash": "100000.00"})
    order = {"account_id": paper, "symbol": SYMBOL, "side": "buy", "quantity": "1", "order_type": "limit"}
    last = 0.0

    async def has_a_price() -> bool:
        nonlocal last
        answer = await http.get("/api/v1/quotes", params={"symbols": SYMBOL})
        last = answer.json()["items"][0]["ltp"] if answer.status_code == 200 else 0.0
        return last > 0

    await eventually(has_a_price, seconds=120, every=1)
    # Far enough below the market to rest, and within the day's band.
    values = {
        "symbol": SYMBOL,
        "underlying": "NIFTY",
        "order_id": await created(
            http, "/api/v1/trading/orders", {**order, "price": f"{round(last * 0.96):d}.00", "product": "cnc"}
        ),
        "watchlist_id": await created(http, "/api/v1/watchlists", {"name": "mine", "symbols": [SYMBOL]}),
        "alert_id": await created(
            http, "/api/v1/alerts", {"symbol": SYMBOL, "condition": "crosses_above", "value": "999999"}
        ),
    }
    routes: set[str] = set()

    async def all_services_have_told_their_routes() -> bool:
        """The document leaves out a service that is too slow to be asked, until the gateway asks again."""
        paths = (await http.get("/openapi.json")).json()["paths"]
        routes.update(path for path, item in paths.items() if "get" in item)
        return routes >= ANSWERED | ONLY_THE_BROKER_KNOWS | NOT_A_READ

    try:
        await eventually(all_services_have_told_their_routes, seconds=180, every=2)
    except TimeoutError:
        pytest.fail(f"no such routes: {sorted((ANSWERED | ONLY_THE_BROKER_KNOWS | NOT_A_READ) - routes)}")
    await broker_goes_away(cut_off)
    await broken(cut_off, {"kind": "mute"})
    async with httpx.AsyncClient() as plain:
        # The one call that names its user in the body, where the simulator does not look for whom a fault is.
        profile = {"kind": "http_error", "status": 503, "path": "/breezeapi/api/v1/customerdetails"}
        (await plain.post(f"{cut_off.simulator}/_sim/faults", json=profile)).raise_for_status()

    def url(route: str) -> str:
        known = {**values, "account_id": cut_off.account_id if route.startswith(BROKER_ACCOUNT) else paper}
        filled = re.sub(r"\{(\w+)\}", lambda each: known.get(each[1], str(new_id())), route)
        return f"{filled}?{QUERIES.get(route, '')}"

    wrong: dict[str, str] = {}
    answers: dict[str, Any] = {}
    for route in sorted(routes - NOT_A_READ):
        answer = await http.get(url(route))
        if route in ONLY_THE_BROKER_KNOWS:
            good = answer.status_code in {502, 503, 504} and int(answer.headers["Retry-After"]) > 0
        else:
            good = answer.status_code == 200 if route in ANSWERED else answer.status_code < 500
        if good:
            answers[route] = answer
        else:
            wrong[route] = f"{answer.status_code} {answer.text[:300]}"
    assert wrong == {}

    quote = answers["/api/v1/quotes"].json()["items"][0]
    assert quote["ltp"] > 0
    assert quote["age_ms"] >= 0
    chain = answers["/api/v1/option-chain/{underlying}"].json()
    sides = [row[side] for row in chain["strikes"] for side in ("call", "put") if row.get(side)]
    assert chain["as_of"]
    assert all({"age_ms", "stale"} <= side.keys() for side in sides)
    assert {"state", "age_ms"} <= answers["/api/v1/feed"].json().keys()

    await broker_comes_back(cut_off)

    async def all_of_it_works_again() -> bool:
        return all([(await http.get(url(route))).status_code == 200 for route in sorted(ONLY_THE_BROKER_KNOWS)])

    async def prices_are_fresh() -> bool:
        return not (await http.get("/api/v1/quotes", params={"symbols": SYMBOL})).json()["items"][0]["stale"]

    await eventually(all_of_it_works_again, seconds=120, every=1)
    await eventually(prices_are_fresh, seconds=120, every=1)
