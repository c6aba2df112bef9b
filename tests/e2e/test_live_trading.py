"""A live account through the whole stack: the gateway, the official SDK, the simulator's broker, its notifications."""

from decimal import Decimal
from typing import Any

import httpx
import pyotp
import pytest

from breezeway.testing.api_user import ApiUser
from breezeway.testing.eventually import eventually
from breezeway.testing.stack_process import StackProcess
from breezeway.testing.stream_client import StreamClient

pytestmark = pytest.mark.e2e

SHARE = "NSE:RELIANCE"
ACCOUNTS = "/api/v1/trading/accounts"
ORDERS = "/api/v1/trading/orders"
GROUPS = "/api/v1/trading/order-groups"
CHANGING = ("POST", "PUT", "DELETE")


class LiveUser:
    """A user with a live account at the simulator."""

    def __init__(self, user: ApiUser, account: str) -> None:
        self.user, self.http, self.account = user, user.http, account

    async def place(self, **terms: Any) -> httpx.Response:
        order = {"account_id": self.account, "symbol": SHARE, "side": "buy", "quantity": "1", "product": "cnc", **terms}
        return await self.http.post(ORDERS, json=order)

    async def reaches(self, order_id: str, *states: str) -> dict[str, Any]:
        found: dict[str, Any] = {}

        async def there() -> bool:
            found.update((await self.http.get(f"{ORDERS}/{order_id}")).json())
            return found["state"] in states

        try:
            await eventually(there, 90, every=0.2)
        except TimeoutError:
            events = (await self.http.get(f"{ORDERS}/{order_id}/events")).json()
            pytest.fail(f"{found['state']} {found['code']}: {events}")
        return found

    async def calls(self) -> list[str]:
        """The user's order calls in the simulator's journal, as `METHOD name`."""
        async with httpx.AsyncClient() as plain:
            journal = await plain.get(f"{self.user.simulator}/_sim/journal", params={"kind": "http", "limit": 10_000})
        return [
            f"{each['method']} {each['path'].rpartition('/')[2]}"
            for each in journal.json()["items"]
            if each["method"] in CHANGING and each.get("user_id") == self.broker_user
        ]

    @property
    def broker_user(self) -> str:
        return "U" + self.user.api_key.removeprefix("k+").removesuffix("=").upper()


async def test_a_live_account_from_opting_in_to_square_off(stack: StackProcess, user: ApiUser) -> None:
    await user.connect_broker()
    live = await _opt_in(user)
    assert await live.calls() == []
    async with StreamClient.connect(stack.url.replace("http", "ws", 1) + "/ws/v1/stream", user.token) as stream:
        await stream.subscribe(["orders", f"tick:{SHARE}"])
        last = (await stream.next("tick", seconds=90))["ltp"]
        await _place_change_cancel(live, str(int(last * 0.97)))
        bought = await live.place(order_type="market")
        assert bought.status_code == 201, bought.text
        filled = await live.reaches(bought.json()["id"], "filled")
        assert abs(Decimal(filled["average_price"]) - Decimal(str(last))) < Decimal(str(last)) * Decimal("0.03")
        trade = await stream.next("trade", seconds=60)
        assert (trade["order_id"], trade["quantity"]) == (bought.json()["id"], "1")
    holdings = (await user.http.get(f"{ACCOUNTS}/{live.account}/holdings")).json()["items"]
    assert [(each["symbol"], each["quantity"]) for each in holdings] == [(SHARE, "1")]
    await _square_off(live)
    calls = await live.calls()
    assert calls == ["POST order", "PUT order", "DELETE order", "POST order", "POST order", "POST squareoff"]
    listed = (await user.http.get(ORDERS, params={"account_id": live.account})).json()["items"]
    assert len(listed) == 4


async def test_a_gtt_of_an_option_is_kept_by_the_broker(stack: StackProcess, user: ApiUser) -> None:
    await user.connect_broker()
    live = await _opt_in(user)
    leg = await _traded_option(live)
    # Whole rupees are on every grid; half the price is not reached while a test runs.
    half = int(leg["ltp"] / 2)
    order = {"role": "leg", "symbol": leg["symbol"], "side": "buy", "quantity": str(leg["lot_size"])}
    order |= {"order_type": "limit", "price": str(half), "product": "nrml"}
    trigger = {"symbol": leg["symbol"], "price": str(half), "above": False}
    wanted = {"account_id": live.account, "kind": "gtt", "orders": [order], "trigger": trigger}
    found: dict[str, Any] = {}

    async def placed() -> bool:
        answer = await user.http.post(GROUPS, json=wanted)
        # Until the feed has told a price of it.
        assert answer.status_code == 201 or answer.json()["code"] == "stale_price", answer.text
        found.update(answer.json())
        return answer.status_code == 201

    async def is_said(status: str, code: str) -> None:
        async def said() -> bool:
            found.update((await user.http.get(f"{GROUPS}/{found['id']}")).json())
            return bool((found["gtt"]["status"], found["gtt"]["history"][-1]["code"]) == (status, code))

        try:
            await eventually(said, 120, every=0.3)
        except TimeoutError:
            pytest.fail(str(found))

    await eventually(placed, 120, every=1)
    await is_said("active", "accepted")
    assert found["gtt"]["broker_gtt_id"]
    changed = await user.http.patch(
        f"{GROUPS}/{found['id']}", json={"legs": [{"trigger_price": str(half - 1), "price": str(half - 1)}]}
    )
    assert changed.status_code == 200, changed.text
    await is_said("active", "modified")
    assert (found["gtt"]["legs"][0]["trigger_price"], found["gtt"]["asked"]) == (str(half - 1), None)
    assert (await user.http.delete(f"{GROUPS}/{found['id']}")).status_code == 200
    await is_said("cancelled", "cancelled")
    assert found["state"] == "cancelled"
    assert await live.calls() == ["POST gttorder", "PUT gttorder", "DELETE gttorder"]


async def test_l_13_a_key_for_paper_cannot_trade_live(stack: StackProcess, user: ApiUser) -> None:
    """L-13: a key without the scope `live`, and a halted account: the simulator's journal has no order call."""
    await user.connect_broker()
    live = await _opt_in(user)
    key = await user.http.post("/api/v1/auth/api-keys", json={"name": "paper bot", "scopes": ["trade"]})
    terms = {"account_id": live.account, "symbol": SHARE, "side": "buy", "quantity": "1", "product": "cnc"}
    terms |= {"order_type": "limit", "price": "100"}
    leg = {name: value for name, value in terms.items() if name != "account_id"} | {"role": "leg"}
    basket = {"account_id": live.account, "kind": "basket", "orders": [leg]}
    async with httpx.AsyncClient(base_url=stack.url, headers={"X-API-Key": key.json()["key"]}, timeout=30) as program:
        for answer in (
            await program.post(ORDERS, json=terms),
            await program.post("/api/v1/trading/order-groups", json=basket),
            await program.post(f"{ACCOUNTS}/{live.account}/positions/{SHARE}/close"),
        ):
            assert (answer.status_code, answer.json()["code"]) == (403, "scope_missing")
    halted = await user.http.patch(f"{ACCOUNTS}/{live.account}", json={"state": "halted"})
    assert halted.status_code == 200, halted.text
    refused = await user.http.post(ORDERS, json=terms)
    assert (refused.status_code, refused.json()["code"]) == (409, "account_halted")
    again = await user.http.patch(f"{ACCOUNTS}/{live.account}", json={"state": "active"})
    assert (again.status_code, again.json()["code"]) == (403, "step_up_required")
    assert await live.calls() == []


async def _opt_in(user: ApiUser) -> LiveUser:
    wanted = {"name": "Live", "kind": "live", "initial_cash": "0.00", "broker_account_id": user.account_id}
    refused = await user.http.post(ACCOUNTS, json=wanted)
    assert (refused.status_code, refused.json()["code"]) == (403, "step_up_required")
    secret = (await user.http.post("/api/v1/auth/mfa/totp")).json()["secret"]
    confirmed = await user.http.post("/api/v1/auth/mfa/totp/confirm", json={"code": pyotp.TOTP(secret).now()})
    assert confirmed.status_code == 200, confirmed.text
    code = confirmed.json()["recovery_codes"][0]
    proof = await user.http.post("/api/v1/auth/mfa/step-up", json={"code": code})
    assert proof.status_code == 200, proof.text
    fresh = {"Authorization": f"Bearer {proof.json()['access_token']}"}
    opened = await user.http.post(ACCOUNTS, json=wanted, headers=fresh)
    assert opened.status_code == 201, opened.text
    assert (opened.json()["kind"], opened.json()["broker_account_id"]) == ("live", user.account_id)
    again = await user.http.post(ACCOUNTS, json=wanted | {"name": "Second"}, headers=fresh)
    assert (again.status_code, again.json()["code"]) == (409, "broker_account_in_use")
    return LiveUser(user, opened.json()["id"])


async def _place_change_cancel(live: LiveUser, price: str) -> None:
    placed = await live.place(order_type="limit", price=price)
    assert placed.status_code == 201, placed.text
    order = placed.json()["id"]
    await live.reaches(order, "open")
    lower = str(int(price) - 5)
    changed = await live.http.patch(f"{ORDERS}/{order}", json={"price": lower})
    assert changed.status_code == 200, changed.text

    async def in_force() -> bool:
        return bool((await live.http.get(f"{ORDERS}/{order}")).json()["price"] == lower)

    await eventually(in_force, 90, every=0.2)
    assert (await live.http.delete(f"{ORDERS}/{order}")).status_code == 202
    await live.reaches(order, "cancelled")


async def _traded_option(live: LiveUser) -> dict[str, Any]:
    """A call near the money, as the chain shows it."""
    legs: list[dict[str, Any]] = []

    async def one_has_traded() -> bool:
        chain = (await live.http.get("/api/v1/option-chain/NIFTY", params={"strikes": 3})).json()
        legs[:] = [row["call"] for row in chain["strikes"] if row["call"] and row["call"]["ltp"]]
        return bool(legs)

    await eventually(one_has_traded, 180, every=1)
    return legs[0]


async def _square_off(live: LiveUser) -> None:
    """Buy an option and close the position, which is a call of its own at the broker."""
    leg = await _traded_option(live)
    option = {"symbol": leg["symbol"], "quantity": str(leg["lot_size"]), "product": "nrml"}
    bought = await live.place(**option, order_type="market")
    assert bought.status_code == 201, bought.text
    await live.reaches(bought.json()["id"], "filled")
    closed = await live.http.post(f"{ACCOUNTS}/{live.account}/positions/{leg['symbol']}/close")
    assert closed.status_code == 201, closed.text
    await live.reaches(closed.json()["id"], "filled")
    positions = (await live.http.get(f"{ACCOUNTS}/{live.account}/positions")).json()["items"]
    assert [each["quantity"] for each in positions if each["symbol"] == leg["symbol"]] == ["0"]
