"""A past day rehearsed through the gateway: orders fill by that day's clock, and are booked in that day."""

from collections.abc import AsyncIterator
from datetime import date, datetime, timedelta
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal
from typing import Any

import httpx
import pytest
import pytest_asyncio

from breezeway.clock import IST
from breezeway.testing.api_user import ApiUser
from breezeway.testing.eventually import eventually
from breezeway.testing.stack_process import StackProcess
from breezeway.testing.stream_client import StreamClient

pytestmark = pytest.mark.e2e

DAY = date(2026, 11, 18)
SYMBOL = "NSE:RELIANCE"
CLOCK = "/api/v1/dev/simulator/clock"
ORDERS = "/api/v1/trading/orders"
SPEED = 4
SLACK = timedelta(minutes=1)
"""By how much services may read the clock apart right after its speed was changed."""


@pytest_asyncio.fixture
async def hurried(admin: httpx.AsyncClient) -> AsyncIterator[None]:
    """The day passes faster while the test runs. The stack is everybody's, so the clock only ever goes forward."""
    before = (await admin.get(CLOCK)).json()
    assert before["replay"], before
    moved = await admin.post(CLOCK, json={"speed": SPEED})
    assert moved.status_code == 200, moved.text
    yield
    restored = await admin.post(CLOCK, json={"speed": before["speed"]})
    assert restored.json()["speed"] == before["speed"], restored.text


class Rehearsal:
    """A user's paper account at the replayed market."""

    def __init__(self, user: ApiUser, account: str) -> None:
        self.http, self.account = user.http, account

    @property
    def path(self) -> str:
        return f"/api/v1/trading/accounts/{self.account}"

    async def exchange_time(self) -> datetime:
        return datetime.fromisoformat((await self.http.get("/api/v1/market/status")).json()["exchange_time"])

    async def items(self, what: str) -> list[dict[str, Any]]:
        answer = await self.http.get(f"{self.path}/{what}")
        assert answer.status_code == 200, answer.text
        return list(answer.json()["items"])

    async def last(self) -> Decimal:
        found = (await self.http.get("/api/v1/quotes", params={"symbols": SYMBOL})).json()["items"]
        return Decimal(str(found[0]["ltp"]))

    async def order(self, order_id: str) -> dict[str, Any]:
        return dict((await self.http.get(f"{ORDERS}/{order_id}")).json())

    async def place(self, side: str, order_type: str, away: Decimal = Decimal(0), **terms: Any) -> str:
        """An order whose price or trigger is about `away` from the last price; its id.

        Prices move while it is written, so one that has become impossible by then is written again.
        """
        refused: list[str] = []
        field = "trigger_price" if order_type == "sl_m" else "price"

        async def placed() -> bool:
            # Whole rupees are on every grid; rounded away from the price, they are never on the wrong side of it.
            last, rounding = await self.last(), ROUND_FLOOR if away < 0 else ROUND_CEILING
            prices = {field: str((last + away).to_integral_value(rounding))} if away else {}
            body = {"account_id": self.account, "symbol": SYMBOL, "side": side, "order_type": order_type}
            answer = await self.http.post(ORDERS, json={**body, "product": "mis", **prices, **terms})
            if answer.status_code == 201:
                found.append(answer.json()["id"])
                return True
            refused.append(answer.text)
            assert answer.json()["code"] in ("trigger_side", "stale_price", "order_rate"), answer.text
            return False

        found: list[str] = []
        try:
            await eventually(placed, 120, every=0.5)
        except TimeoutError:
            pytest.fail(f"{side} {order_type}: {refused[-1]}")
        return found[0]

    async def filled(self, *order_ids: str) -> dict[str, Any]:
        """The first of the orders that fills."""
        done: list[dict[str, Any]] = []

        async def one() -> bool:
            done.extend(each for each in [await self.order(i) for i in order_ids] if each["state"] == "filled")
            return bool(done)

        await eventually(one, 180, every=0.5)
        return done[0]


async def test_a_replayed_day_is_traded_by_its_own_clock(stack: StackProcess, user: ApiUser, hurried: None) -> None:
    await user.connect_broker()
    opened = await user.http.post(
        "/api/v1/trading/accounts",
        json={"name": "Rehearsal", "initial_cash": "1000000.00", "charge_plan": "icici_neo"},
    )
    assert opened.status_code == 201, opened.text
    rehearsal = Rehearsal(user, opened.json()["id"])
    began = await rehearsal.exchange_time()
    assert began.astimezone(IST).date() == DAY
    async with StreamClient.connect(stack.url.replace("http", "ws", 1) + "/ws/v1/stream", user.token) as stream:
        await stream.subscribe([f"tick:{SYMBOL}"])
        await stream.next("tick", seconds=90)
        market = await rehearsal.filled(await rehearsal.place("buy", "market", quantity="20"))
        limit = await rehearsal.filled(await rehearsal.place("buy", "limit", Decimal(5), quantity="10"))
        far = -await rehearsal.last() / 25
        waiting = await rehearsal.place("buy", "limit", far, quantity="1", product="cnc")
        # One on each side of the price: whichever way it moves, one of them is triggered.
        stops = [
            await rehearsal.place("sell", "sl_m", Decimal("-0.05"), quantity="5"),
            await rehearsal.place("buy", "sl_m", Decimal("0.05"), quantity="5"),
        ]
        stop = await rehearsal.filled(*stops)
        rest = await rehearsal.filled(await rehearsal.place("sell", "limit", Decimal(-5), quantity="10"))
    assert (await rehearsal.order(waiting))["state"] == "open"
    ended = await rehearsal.exchange_time()

    assert Decimal(limit["average_price"]) <= Decimal(limit["price"])
    assert Decimal(rest["average_price"]) >= Decimal(rest["price"])
    beyond = Decimal(stop["average_price"]) - Decimal(stop["trigger_price"])
    assert abs(beyond) < Decimal(stop["trigger_price"]) / 50
    for order in (market, limit, stop, rest):
        placed, updated = (datetime.fromisoformat(order[name]) for name in ("placed_at", "updated_at"))
        assert began - SLACK <= placed <= updated <= ended + SLACK, order
        events = (await user.http.get(f"{ORDERS}/{order['id']}/events")).json()["items"]
        assert {datetime.fromisoformat(each["at"]).astimezone(IST).date() for each in events} == {DAY}

    for each in [waiting, *stops]:
        await user.http.delete(f"{ORDERS}/{each}")

    async def settled() -> bool:
        states = [(await rehearsal.order(each))["state"] for each in (waiting, *stops)]
        return all(state in ("cancelled", "filled") for state in states)

    await eventually(settled, 90, every=0.5)
    await _is_booked_in_its_day(rehearsal, began)


async def _is_booked_in_its_day(rehearsal: Rehearsal, began: datetime) -> None:
    """Positions, profit and charges are those of the trades, and all of them are of the replayed day."""
    trades = (await rehearsal.items("trades"))[::-1]
    assert all(began - SLACK <= datetime.fromisoformat(each["at"]) for each in trades)
    assert {datetime.fromisoformat(each["at"]).astimezone(IST).date() for each in trades} == {DAY}
    bought = [(int(each["quantity"]), Decimal(each["price"])) for each in trades if each["side"] == "buy"]
    sold = [(int(each["quantity"]), Decimal(each["price"])) for each in trades if each["side"] == "sell"]
    (position,) = await rehearsal.items("positions")
    held = sum(count for count, _ in bought) - sum(count for count, _ in sold)
    assert (position["quantity"], position["product"]) == (str(held), "mis")
    assert datetime.fromisoformat(position["updated_at"]).astimezone(IST).date() == DAY
    assert Decimal(position["realised"]) == _realised(bought, sold)

    (note,) = await rehearsal.items("contract-notes")
    assert note["day"] == str(DAY)
    assert len(note["trades"]) == len(trades)
    # Intraday shares pay 0.025 % of what is sold, in whole rupees for the day.
    tax = sum((count * price for count, price in sold), Decimal(0)) * Decimal("0.00025")
    assert abs(Decimal(note["charges"]["stt"]) - tax) <= Decimal("0.5")
    money = (await rehearsal.http.get(rehearsal.path)).json()
    assert money["charges"] == note["charges_total"]
    assert Decimal(money["charges"]) > 0
    days = {each["day"] for each in await rehearsal.items("ledger") if each["kind"] == "trade"}
    assert days == {str(DAY)}
    history = (await rehearsal.http.get(f"{rehearsal.path}/portfolio/history", params={"period": "1D"})).json()
    assert {datetime.fromtimestamp(each, IST).date() for each in history["timestamp"]} == {DAY}


def _realised(bought: list[tuple[int, Decimal]], sold: list[tuple[int, Decimal]]) -> Decimal:
    """First in, first out, by hand; what was sold is always less than what had been bought by then."""
    left, made = [price for count, price in bought for _ in range(count)], Decimal(0)
    for count, price in sold:
        made += sum((price - cost for cost in left[:count]), Decimal(0))
        del left[:count]
    return made.quantize(Decimal("0.01"))
