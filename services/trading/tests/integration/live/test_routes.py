"""What a live account does with each trading route: it works, or it refuses under a clear code."""

import base64
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any
from uuid import UUID

import httpx
import pytest
import pytest_asyncio
from fastapi import FastAPI

from breezeway.clock import SystemClock
from breezeway.contracts.broker import BrokerCredentials, BrokerEnvironment
from breezeway.errors import OutcomeUnknown
from breezeway.http.app import Check, create_service
from breezeway.market_calendar.calendar import MarketCalendar
from breezeway.security.tokens import Principal
from trading_service.adapters.db.banking import PostgresBanking
from trading_service.adapters.db.gtts import PostgresGtts
from trading_service.adapters.number_vault import AesNumberVault
from trading_service.api import accounts, banking, groups, orders, portfolio, resolving
from trading_service.application.accounts import TradingAccounts
from trading_service.application.banking import Banking, Limits
from trading_service.application.groups import OrderGroups
from trading_service.application.live_gate import LiveGate
from trading_service.application.live_resolving import ResolveOrder
from trading_service.application.portfolio import Portfolio
from trading_service.application.reading import ReadTrading

TRADING, BANKING = "/api/v1/trading", "/api/v1/banking"
OPTION = "NFO:NIFTY24NOV2626000CE"
LEG = {"role": "leg", "symbol": "NSE:A", "side": "buy", "quantity": "1", "order_type": "limit", "price": "100"}


@dataclass
class Routes:
    """The routes over a live account with a working order."""

    live: Any
    http: httpx.AsyncClient
    app: FastAPI
    ids: dict[str, str]

    async def ask(self, method: str, path: str, body: Any = None, **headers: str) -> httpx.Response:
        return await self.http.request(method, path.format(**self.ids), json=body, headers=headers)


class OpenSession:
    """A vault in which everybody is logged in at the simulator."""

    def __init__(self, user: UUID) -> None:
        self._user = user

    async def credentials(self, account_id: UUID) -> BrokerCredentials:
        known = {"api_key": "k", "api_secret": "s", "broker_user_id": "U", "session_key": "x", "version": 1}
        whose = {"account_id": account_id, "user_id": self._user, "environment": BrokerEnvironment.SIMULATOR}
        return BrokerCredentials.model_validate({**known, **whose, "expires_at": "2999-01-01T00:00:00Z"})


class ByToken:
    """`<user>` is signed in, `<user>~mfa` with a fresh second factor, `<user>~trade` an API key without `live`."""

    async def authenticate(self, token: str, *, changes_something: bool = False) -> Principal:
        user, _, more = token.partition("~")
        if more == "trade":
            return Principal(UUID(user), "user", frozenset({"trade"}), "key:1", "t", 2_000_000_000)
        proved = int(SystemClock().now().timestamp()) if more == "mfa" else 0
        scopes = frozenset({"read", "data", "trade"})
        return Principal(UUID(user), "user", scopes, "s", "t", 2_000_000_000, mfa_at=proved)


def application(live: Any) -> FastAPI:
    async def build(app: FastAPI, _stack: AsyncExitStack) -> Mapping[str, Check]:
        return {}

    app, service = create_service("test", build=build), live.service
    for module in (accounts, orders, resolving, groups, portfolio, banking):
        app.include_router(module.router)
    gate = LiveGate(frozenset({BrokerEnvironment.SIMULATOR}), OpenSession(live.user), SystemClock())
    own = TradingAccounts(service.work, service.market, service.market, live.cancel, gate)
    app.state.authenticator, app.state.accounts = ByToken(), own
    app.state.read = ReadTrading(service.work, own, service.market)
    app.state.place, app.state.modify, app.state.cancel = live.place, live.modify, live.cancel
    app.state.live = live.trading
    app.state.resolving = ResolveOrder(live.work, live.recorder, live.wall)
    app.state.groups = OrderGroups(
        lambda: PostgresGtts(service.engine), live.place, live.cancel, SystemClock(), live.gtts
    )
    app.state.portfolio = Portfolio(service.work, own, live.place, service.market, MarketCalendar.default())
    vault = AesNumberVault(base64.b64encode(b"k" * 32).decode())
    limits = Limits(Decimal(100_000), Decimal(100_000))
    app.state.banking = Banking(lambda: PostgresBanking(service.engine), vault, limits, SystemClock())
    return app


@pytest_asyncio.fixture
async def routes(live: Any) -> AsyncIterator[Routes]:
    app = application(live)
    order = await live.order(client_order_id="mine")
    await live.send()
    headers = {"Authorization": f"Bearer {live.user}"}
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://test", headers=headers) as http:
        account = str(live.account.id)
        bank = await http.post(
            f"{BANKING}/accounts",
            json={"holder": "A TRADER", "account_number": "000401234567", "ifsc": "ICIC0000004", "bank_name": "ICICI"},
        )
        basket = await http.post(
            f"{TRADING}/order-groups",
            json=BASKET | {"account_id": account},
        )
        assert basket.status_code == 201, basket.text
        prices = live.service.market.prices
        prices[OPTION] = prices["NSE:A"]
        kept = await http.post(f"{TRADING}/order-groups", json=GTT | {"account_id": account})
        assert kept.status_code == 201, kept.text
        await live.send()
        ids = {"account": account, "order": str(order), "group": basket.json()["id"], "bank": bank.json()["id"]}
        ids["gtt"] = kept.json()["id"]
        yield Routes(live, http, app, {**ids, "symbol": "NSE:A", "client": "mine"})


ORDER = {**{name: value for name, value in LEG.items() if name != "role"}, "product": "cnc"}
EXITS = [
    LEG | {"role": "target", "side": "sell", "price": "110", "product": "cnc"},
    LEG | {"role": "stop", "side": "sell", "order_type": "sl", "price": "94", "trigger_price": "95", "product": "cnc"},
]
BASKET = {"kind": "basket", "orders": [LEG | {"product": "cnc"}]}
SHARE_GTT = BASKET | {"kind": "gtt", "trigger": {"symbol": "NSE:A", "price": "90", "above": False}}
OPTION_LEG = LEG | {"symbol": OPTION, "quantity": "65", "product": "nrml"}
GTT = {
    "kind": "gtt",
    "orders": [OPTION_LEG | {"price": "89"}],
    "trigger": {"symbol": OPTION, "price": "90", "above": False},
}
GTT_OF_TWO = {
    "kind": "gtt",
    "orders": [each | {"symbol": OPTION, "quantity": "65", "product": "nrml"} for each in EXITS],
}
BRACKET = {"kind": "bracket", "orders": [LEG | {"role": "entry", "product": "cnc"}, *EXITS]}
NEW = {"name": "Second", "kind": "live", "initial_cash": "0.00", "broker_account_id": str(UUID(int=9))}
A = f"{TRADING}/accounts/{{account}}"
ORDER_PATH = f"{TRADING}/orders/{{order}}"
WORKS: list[tuple[str, str, Any, int]] = [
    ("GET", f"{TRADING}/accounts", None, 200),
    ("GET", A, None, 200),
    ("GET", f"{A}/funds", None, 200),
    ("PATCH", A, {"state": "halted"}, 200),
    ("POST", f"{TRADING}/orders", ORDER, 201),
    ("POST", f"{TRADING}/orders/preview", ORDER, 200),
    ("GET", f"{TRADING}/orders", None, 200),
    ("GET", f"{TRADING}/orders/by-client-id/{{client}}", None, 200),
    ("GET", ORDER_PATH, None, 200),
    ("PATCH", ORDER_PATH, {"price": "99.95"}, 200),
    ("DELETE", ORDER_PATH, None, 202),
    ("GET", f"{ORDER_PATH}/events", None, 200),
    ("POST", f"{TRADING}/order-groups", BASKET, 201),
    ("POST", f"{TRADING}/order-groups", GTT, 201),
    ("POST", f"{TRADING}/order-groups", GTT_OF_TWO, 201),
    ("DELETE", f"{TRADING}/order-groups/{{gtt}}", None, 200),
    ("GET", f"{TRADING}/order-groups", None, 200),
    ("GET", f"{TRADING}/order-groups/{{group}}", None, 200),
    ("DELETE", f"{TRADING}/order-groups/{{group}}", None, 200),
    ("GET", f"{A}/trades", None, 200),
    ("GET", f"{A}/positions", None, 200),
    ("GET", f"{A}/holdings", None, 200),
    ("GET", f"{A}/ledger", None, 200),
    ("GET", f"{A}/contract-notes", None, 200),
    ("GET", f"{A}/portfolio/history", None, 200),
    ("GET", f"{A}/performance", None, 200),
]
REFUSES: list[tuple[str, str, Any, int, str]] = [
    ("POST", f"{TRADING}/accounts", NEW, 403, "step_up_required"),
    ("POST", f"{A}/reset", None, 409, "not_for_live_accounts"),
    ("DELETE", A, None, 409, "orders_working"),
    ("POST", f"{TRADING}/order-groups", SHARE_GTT, 422, "not_for_live_accounts"),
    ("PATCH", f"{TRADING}/order-groups/{{group}}", {"legs": [{"price": "90"}]}, 409, "not_modifiable"),
    ("PATCH", f"{TRADING}/order-groups/{{gtt}}", {"legs": [{"price": "90"}]}, 409, "gtt_busy"),
    ("PATCH", f"{TRADING}/order-groups/{{gtt}}", {"legs": [{"role": "stop", "price": "9"}]}, 422, "invalid_group"),
    ("POST", f"{TRADING}/order-groups", BRACKET, 422, "not_for_live_accounts"),
    ("POST", f"{TRADING}/order-groups", {"kind": "oco", "orders": EXITS}, 422, "not_for_live_accounts"),
    ("POST", f"{TRADING}/orders", ORDER | {"product": "mis"}, 422, "not_for_live_accounts"),
    ("POST", f"{TRADING}/orders", ORDER | {"quantity": "2000"}, 422, "live_order_value"),
    ("POST", f"{A}/positions/{{symbol}}/close", None, 404, "position_not_found"),
    ("GET", f"{ORDER_PATH}/candidates", None, 409, "order_not_ambiguous"),
    ("POST", f"{ORDER_PATH}/resolution", {"outcome": "not_placed"}, 409, "order_not_ambiguous"),
]


def of_account(path: str, body: Any, account: str) -> Any:
    """The body, with the account that it is about."""
    wants = path in (f"{TRADING}/orders", f"{TRADING}/orders/preview", f"{TRADING}/order-groups")
    return body | {"account_id": account} if wants and body is not None else body


def test_the_table_has_every_route(live: Any) -> None:
    """A new route has to say here what it does for live accounts."""
    decided = {(method, _shape(path)) for method, path, *_ in [*WORKS, *REFUSES]}
    there = {
        (verb.upper(), _shape(path))
        for path, verbs in application(live).openapi()["paths"].items()
        for verb in verbs
        if path.startswith(TRADING)
    }
    assert there == decided


def _shape(path: str) -> str:
    return "/".join("{}" if part.startswith("{") else part for part in path.split("/"))


@pytest.mark.parametrize(("method", "path", "body", "status"), WORKS, ids=[f"{m} {p}" for m, p, *_ in WORKS])
async def test_a_route_that_works(routes: Routes, method: str, path: str, body: Any, status: int) -> None:
    answer = await routes.ask(method, path, of_account(path, body, routes.ids["account"]))
    assert answer.status_code == status, answer.text


@pytest.mark.parametrize(
    ("method", "path", "body", "status", "code"), REFUSES, ids=[f"{n} {row[4]}" for n, row in enumerate(REFUSES)]
)
async def test_a_route_that_refuses(routes: Routes, method: str, path: str, body: Any, status: int, code: str) -> None:
    before = list(routes.live.broker.calls)
    answer = await routes.ask(method, path, of_account(path, body, routes.ids["account"]))
    assert (answer.status_code, answer.json()["code"]) == (status, code), answer.text
    assert answer.json()["detail"]
    await routes.live.router.drain()
    assert routes.live.broker.calls == before


async def test_a_second_live_account_of_one_broker_account_is_refused(routes: Routes) -> None:
    fresh = {"Authorization": f"Bearer {routes.live.user}~mfa"}
    broker_account = str(routes.live.account.broker_account_id)
    answer = await routes.ask("POST", f"{TRADING}/accounts", NEW | {"broker_account_id": broker_account}, **fresh)
    assert (answer.status_code, answer.json()["code"]) == (409, "broker_account_in_use")


async def test_money_moves_at_the_broker(routes: Routes) -> None:
    wanted = {"bank_account_id": routes.ids["bank"], "trading_account_id": routes.ids["account"], "amount": "1.00"}
    for direction in ("deposit", "withdrawal"):
        answer = await routes.ask("POST", f"{BANKING}/transfers", wanted | {"direction": direction})
        assert (answer.status_code, answer.json()["code"]) == (409, "not_for_live_accounts")


async def test_closing_a_derivative_is_the_brokers_square_off(routes: Routes) -> None:
    """And closing shares is selling them."""
    live, prices = routes.live, routes.live.service.market.prices
    prices[OPTION] = prices["NSE:A"]
    for symbol, quantity, product in ((OPTION, 65, "nrml"), ("NSE:A", 10, "cnc")):
        bought = await live.order(quantity, "100", symbol=symbol, product=product)
        await live.send()
        await live.tell(await live.number(bought), "executed", quantity, "100", quantity)
        closed = await routes.ask("POST", f"{A}/positions/{symbol}/close")
        assert (closed.status_code, closed.json()["side"], closed.json()["quantity"]) == (201, "sell", str(quantity))
        await live.send()
        kind, _ = live.broker.calls[-1]
        assert kind == ("square_off" if symbol == OPTION else "place")


KEYS = [row[:3] for row in [*WORKS, *REFUSES] if row[0] != "GET" and not row[1].endswith("/preview")]
KEYS = [row for row in KEYS if row[1] != f"{TRADING}/accounts"]


@pytest.mark.parametrize(("method", "path", "body"), KEYS, ids=[f"{n} {row[1]}" for n, row in enumerate(KEYS)])
async def test_l_13_a_key_without_live_changes_nothing(routes: Routes, method: str, path: str, body: Any) -> None:
    """L-13: an API key for paper against every route that changes something of a live account."""
    paper = {"Authorization": f"Bearer {routes.live.user}~trade"}
    answer = await routes.ask(method, path, of_account(path, body, routes.ids["account"]), **paper)
    assert (answer.status_code, answer.json()["code"]) == (403, "scope_missing"), answer.text


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"outcome": "placed"},
        {"outcome": "not_placed", "broker_order_id": "1"},
        {"outcome": "perhaps"},
        {"outcome": "placed", "broker_order_id": "1; DROP"},
        {"outcome": "placed", "broker_order_id": "9" * 41},
        {"outcome": "placed", "broker_order_id": "a\x00"},
        {"outcome": "not_placed", "note": "x"},
    ],
)
async def test_a_resolution_says_one_thing(routes: Routes, body: dict[str, str]) -> None:
    answer = await routes.ask("POST", f"{ORDER_PATH}/resolution", body)
    assert (answer.status_code, answer.json()["code"]) == (422, "invalid_input")


async def test_a_resolution_over_http(routes: Routes) -> None:
    """An order in doubt is shown with the broker's orders that it could be, and decided."""
    live = routes.live
    live.broker.keeps_tags, live.broker.after = False, OutcomeUnknown("No answer.", code="broker_outcome_unknown")
    routes.ids["order"] = str(await live.order(quantity=7))
    await live.send()
    number = next(each for each, row in live.broker.rows.items() if row.word.quantity == 7)
    row = live.broker.rows[number]
    live.broker.rows["TWIN"] = replace(row, word=replace(row.word, broker_order_id="TWIN"))
    await live.pass_time(3)
    shown = (await routes.ask("GET", f"{ORDER_PATH}/candidates")).json()
    assert {each["broker_order_id"] for each in shown["items"]} == {number, "TWIN"}
    assert (shown["price"], shown["items"][0]["quantity"], shown["next"]) == ("100", "7", None)
    stranger = {"Authorization": f"Bearer {UUID(int=7)}"}
    for method, path, body in (
        ("GET", f"{ORDER_PATH}/candidates", None),
        ("POST", f"{ORDER_PATH}/resolution", {"outcome": "placed", "broker_order_id": number}),
    ):
        refused = await routes.ask(method, path, body, **stranger)
        assert (refused.status_code, refused.json()["code"]) == (404, "order_not_found")
    wanted = {"outcome": "placed", "broker_order_id": number}
    decided = await routes.ask("POST", f"{ORDER_PATH}/resolution", wanted)
    assert (decided.status_code, decided.json()["state"]) == (200, "open")
    events = (await routes.ask("GET", f"{ORDER_PATH}/events")).json()["items"]
    (resolution,) = [each for each in events if each["kind"] == "resolution"]
    assert [each["broker_order_id"] for each in resolution["details"]["candidates"]] == [number]


async def test_where_live_trading_is_off_nothing_is_decided(routes: Routes) -> None:
    routes.app.state.resolving = None
    answer = await routes.ask("GET", f"{ORDER_PATH}/candidates")
    assert (answer.status_code, answer.json()["code"]) == (403, "live_trading_disabled")
