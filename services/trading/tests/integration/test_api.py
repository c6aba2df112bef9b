"""The routes: what they accept, answer and refuse, over HTTP on a real database."""

import base64
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack
from decimal import Decimal
from typing import Any
from uuid import UUID

import httpx
import pytest
import pytest_asyncio
from fastapi import FastAPI

from breezeway.clock import SystemClock
from breezeway.http.app import Check, create_service
from breezeway.ids import new_id
from breezeway.market_calendar.calendar import MarketCalendar
from breezeway.security.tokens import Principal
from trading_service.adapters.db.banking import PostgresBanking
from trading_service.adapters.number_vault import AesNumberVault
from trading_service.api import accounts, banking, orders, portfolio
from trading_service.application.banking import Banking, Limits
from trading_service.application.portfolio import Portfolio

TRADING, BANKING = "/api/v1/trading", "/api/v1/banking"


@pytest_asyncio.fixture
async def client(service: Any) -> AsyncIterator[httpx.AsyncClient]:
    class ByToken:
        """`<user>` is signed in; `<user>:<scope>` is an API key with one scope."""

        async def authenticate(self, token: str, *, changes_something: bool = False) -> Principal:
            user, _, scope = token.partition("~")
            scopes = frozenset({scope} if scope else {"read", "data", "trade"})
            return Principal(UUID(user), "user", scopes, "key:1" if scope else "s", "t", 2_000_000_000)

    async def build(app: FastAPI, _stack: AsyncExitStack) -> Mapping[str, Check]:
        return {}

    app = create_service("test", build=build)
    for module in (accounts, orders, portfolio, banking):
        app.include_router(module.router)
    app.state.authenticator = ByToken()
    app.state.accounts, app.state.read = service.accounts, service.read
    app.state.place, app.state.modify, app.state.cancel = service.place, service.modify, service.cancel
    app.state.live = None
    app.state.portfolio = Portfolio(
        service.work, service.accounts, service.place, service.market, MarketCalendar.default()
    )
    vault = AesNumberVault(base64.b64encode(b"k" * 32).decode())
    limits = Limits(Decimal(100_000), Decimal(100_000))
    app.state.banking = Banking(lambda: PostgresBanking(service.engine), vault, limits, SystemClock())
    headers = {"Authorization": f"Bearer {new_id()}"}
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://test", headers=headers) as made:
        yield made


async def open_account(client: httpx.AsyncClient, **more: Any) -> dict[str, Any]:
    body = {"name": "Paper", "initial_cash": "100000.00", "charge_plan": "none", **more}
    answer = await client.post(f"{TRADING}/accounts", json=body)
    assert answer.status_code == 201, answer.text
    found: dict[str, Any] = answer.json()
    return found


def order(account: Mapping[str, Any], **more: Any) -> dict[str, Any]:
    base = {"account_id": account["id"], "symbol": "NSE:A", "side": "buy", "quantity": "10", "order_type": "limit"}
    return {**base, "price": "99.50", "product": "cnc", **more}


async def test_an_order_from_preview_to_holding(client: httpx.AsyncClient, service: Any) -> None:
    account = await open_account(client)
    service.tick("100")
    preview = (await client.post(f"{TRADING}/orders/preview", json=order(account))).json()
    assert (preview["ok"], preview["blocked"], preview["premium"]) == (True, "995.00", "995.00")
    placed = (await client.post(f"{TRADING}/orders", json=order(account, client_order_id="mine:1"))).json()
    path = f"{TRADING}/orders/{placed['id']}"
    assert (placed["state"], placed["blocked"], placed["quantity"]) == ("new", "995.00", "10")
    await service.settle_in()
    changed = await client.patch(path, json={"price": "99.00"})
    assert changed.status_code == 200
    await service.settle_in()
    assert (await client.get(path)).json()["price"] == "99"
    service.tick("100")
    service.tick("98.50")
    await service.settle_in()
    filled = (await client.get(f"{TRADING}/orders/by-client-id/mine:1")).json()
    assert (filled["state"], filled["average_price"], filled["blocked"]) == ("filled", "99", "0.00")
    base = f"{TRADING}/accounts/{account['id']}"
    money = (await client.get(base)).json()
    assert (money["cash"], money["holdings_cost"], money["equity"]) == ("99010.00", "990.00", "99995.00")
    holding = (await client.get(f"{base}/holdings")).json()["items"][0]
    assert (holding["quantity"], holding["t1_quantity"], holding["unrealised"]) == ("10", "10", "-5.00")
    assert len((await client.get(f"{base}/trades")).json()["items"]) == 1
    kinds = [each["kind"] for each in (await client.get(f"{path}/events")).json()["items"]]
    assert kinds == ["new", "accept", "modify_request", "modify", "fill"]
    lines = (await client.get(f"{base}/ledger?limit=2")).json()
    assert lines["items"][0]["legs"]["holdings"] == "990.00"
    assert len((await client.get(f"{base}/ledger?cursor={lines['next']}")).json()["items"]) >= 1
    assert (await client.get(f"{base}/contract-notes")).json()["items"][0]["charges_total"] == "0.00"
    curve = (await client.get(f"{base}/portfolio/history?period=1D&timeframe=5m")).json()
    assert (curve["equity"][0], curve["equity"][-1]) == ("100000.00", "99995.00")
    report = (await client.get(f"{base}/performance")).json()
    assert report["twr"] == pytest.approx(-0.00005)
    service.tick("98.50")
    closed = await client.post(f"{base}/positions/NSE:A/close")
    assert (closed.status_code, closed.json()["side"], closed.json()["quantity"]) == (201, "sell", "10")


@pytest.mark.parametrize(
    ("more", "status", "code"),
    [
        ({"price": 99.5}, 422, "invalid_input"),
        ({"price": "1e5"}, 422, "invalid_input"),
        ({"price": "-1"}, 422, "invalid_input"),
        ({"price": "NaN"}, 422, "invalid_input"),
        ({"quantity": "0"}, 422, "invalid_input"),
        ({"quantity": "1.5"}, 422, "invalid_input"),
        ({"quantity": 1.5}, 422, "invalid_input"),
        ({"quantity": 10}, 422, "invalid_input"),
        ({"quantity": True}, 422, "invalid_input"),
        ({"leverage": "5"}, 422, "invalid_input"),
        ({"price": None}, 422, "invalid_order"),
        ({"trigger_price": "100"}, 422, "invalid_order"),
        ({"order_type": "market"}, 422, "invalid_order"),
        ({"price": "99.52"}, 422, "tick_size"),
        ({"client_order_id": "a b"}, 422, "invalid_input"),
        ({"symbol": "NSE:NONE"}, 404, "instrument_not_found"),
        ({"quantity": "100000"}, 409, "insufficient_funds"),
        ({"account_id": str(UUID(int=7))}, 404, "account_not_found"),
        ({"quantity": "999999999999", "price": "100000"}, 409, "insufficient_funds"),
        ({"quantity": "999999999999", "price": "99999999999999999999"}, 422, "invalid_amount"),
    ],
)
async def test_what_an_order_is_refused_for(
    client: httpx.AsyncClient, more: dict[str, Any], status: int, code: str
) -> None:
    account = await open_account(client)
    answer = await client.post(f"{TRADING}/orders", json=order(account, **more))
    assert (answer.status_code, answer.json()["code"]) == (status, code), answer.text
    assert answer.headers["content-type"] == "application/problem+json"


async def test_l_13_live_accounts_are_refused(client: httpx.AsyncClient) -> None:
    """There is no live route: the account kind that would need one cannot be made."""
    body = {"name": "Live", "kind": "live", "initial_cash": "0.00"}
    answer = await client.post(f"{TRADING}/accounts", json=body)
    assert (answer.status_code, answer.json()["code"]) == (403, "live_trading_disabled")


async def test_the_kill_switch_and_the_end_of_an_account(client: httpx.AsyncClient, service: Any) -> None:
    account = await open_account(client)
    path = f"{TRADING}/accounts/{account['id']}"
    await client.post(f"{TRADING}/orders", json=order(account))
    await service.settle_in()
    assert (await client.delete(path)).json()["code"] == "orders_working"
    halted = await client.patch(path, json={"state": "halted"})
    assert halted.json()["state"] == "halted"
    await service.settle_in()
    refused = await client.post(f"{TRADING}/orders", json=order(account))
    assert (refused.status_code, refused.json()["code"]) == (409, "account_halted")
    assert refused.json()["failures"][0]["code"] == "account_halted"
    assert (await client.patch(path, json={"state": "asleep"})).status_code == 422
    assert (await client.post(f"{path}/reset")).json()["cash"] == "100000.00"
    assert (await client.delete(path)).status_code == 204
    assert (await client.get(path)).json()["code"] == "account_not_found"
    assert (await client.get(f"{TRADING}/accounts")).json()["items"] == []


async def test_l_02_a_key_in_the_header_places_one_order(client: httpx.AsyncClient) -> None:
    """The service itself keeps the key, in the order's own transaction: a gateway may die."""
    account = await open_account(client)
    headers = {"Idempotency-Key": "k"}
    first = await client.post(f"{TRADING}/orders", json=order(account), headers=headers)
    again = await client.post(f"{TRADING}/orders", json=order(account), headers=headers)
    assert first.json() == again.json()
    other = await client.post(f"{TRADING}/orders", json=order(account, price="98.00"), headers=headers)
    assert (other.status_code, other.json()["code"]) == (422, "idempotency_key_reused")
    listed = (await client.get(f"{TRADING}/orders?account_id={account['id']}&state=new")).json()["items"]
    assert [each["id"] for each in listed] == [first.json()["id"]]


async def test_api_keys_do_what_they_were_made_for(client: httpx.AsyncClient) -> None:
    account = await open_account(client)
    token = client.headers["Authorization"]
    reader, trader = ({"Authorization": f"{token}~{scope}"} for scope in ("read", "trade"))
    refused = await client.post(f"{TRADING}/orders", json=order(account), headers=reader)
    assert (refused.status_code, refused.json()["code"]) == (403, "scope_missing")
    assert (await client.get(f"{TRADING}/accounts", headers=reader)).status_code == 200
    assert (await client.post(f"{TRADING}/orders", json=order(account), headers=trader)).status_code == 201
    transfer = await client.post(f"{BANKING}/transfers", json={}, headers=trader)
    assert (transfer.status_code, transfer.json()["code"]) == (403, "sign_in_required")


async def test_banking(client: httpx.AsyncClient) -> None:
    account = await open_account(client)
    body = {"holder": "A TRADER", "account_number": "000401234567", "ifsc": "ICIC0000004", "bank_name": "ICICI"}
    bank = (await client.post(f"{BANKING}/accounts", json=body)).json()
    assert bank["account_number"] == "XXXXXX4567"
    assert "000401234567" not in (await client.get(f"{BANKING}/accounts")).text
    wanted = {"bank_account_id": bank["id"], "trading_account_id": account["id"], "direction": "deposit"}
    made = await client.post(f"{BANKING}/transfers", json={**wanted, "amount": "250.00"})
    assert (made.status_code, made.json()["state"]) == (201, "completed")
    for amount in ("0.00", "-1.00", "1.001", 5, "1e3"):
        assert (await client.post(f"{BANKING}/transfers", json={**wanted, "amount": amount})).status_code == 422
    path = f"{BANKING}/transfers/{made.json()['id']}/reversal"
    assert (await client.post(path)).json()["state"] == "reversed"
    money = (await client.get(f"{TRADING}/accounts/{account['id']}")).json()
    assert money["cash"] == "100000.00"
    assert (await client.delete(f"{BANKING}/accounts/{bank['id']}")).status_code == 204


async def test_lists_have_pages(client: httpx.AsyncClient, service: Any) -> None:
    account = await open_account(client)
    for _ in range(5):
        await client.post(f"{TRADING}/orders", json=order(account, quantity="1"))
    found: list[str] = []
    cursor = ""
    while True:
        page = (await client.get(f"{TRADING}/orders?limit=2{cursor}")).json()
        found += [each["id"] for each in page["items"]]
        if page["next"] is None:
            break
        cursor = f"&cursor={page['next']}"
    assert len(found) == len(set(found)) == 5
    assert found == sorted(found, reverse=True)
    for wrong in ("x", "%00", "9" * 30):
        assert (await client.get(f"{TRADING}/orders?cursor={wrong}")).status_code == 422
        ledger = await client.get(f"{TRADING}/accounts/{account['id']}/ledger?cursor={wrong}")
        assert ledger.status_code == 422
