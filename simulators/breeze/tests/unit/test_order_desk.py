"""The order desk without the network: determinism, the clock, and what is watched."""

from collections.abc import Callable
from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import pytest

from breeze_simulator.application.journal import Journal
from breeze_simulator.application.order_desk import OrderDesk
from breeze_simulator.application.positions import Positions
from breeze_simulator.domain.broker_orders import BrokerOrder
from breeze_simulator.domain.clock import SimClock
from breeze_simulator.domain.instruments import Universe
from breeze_simulator.domain.market_types import Tick
from breeze_simulator.domain.order_wire import OrderRequest, parse_order
from breeze_simulator.domain.sessions import Sessions
from breezeway.exchange.orders import Amendment
from breezeway.market_calendar.calendar import MarketCalendar
from breezeway.testing.clock import FixedClock

CALENDAR = MarketCalendar.default()
SHARE = "4.1!2885"


class Stage:
    """A desk on 3 August 2026 from 09:15 on, whose clock is moved by hand."""

    def __init__(self, market: Any, wall: FixedClock) -> None:
        self.market, self.wall = market, wall
        self.clock = SimClock(wall, Sessions(CALENDAR), day=date(2026, 8, 3))
        self.heard: list[BrokerOrder] = []
        self.desk = OrderDesk(market, self.clock, CALENDAR, Journal(wall), Positions(), seed=3)
        self.desk.listen(self.heard.append)
        self.share = market.universe.by_room(SHARE)

    def place(self, **changes: object) -> BrokerOrder:
        return self.desk.place("U1", self.share, order(**changes))

    async def trade(self, last: float, seconds: float = 1) -> None:
        """A print after some seconds of wall and exchange time."""
        self.wall.advance(timedelta(seconds=seconds).total_seconds())
        before = self.market.quote.get("volume", 786_772)
        around = {"bid": round(last - 0.05, 2), "ask": round(last + 0.05, 2), "volume": before + 100, "ltq": 100}
        self.market.quote = {**self.market.quote, "last": last, **around}
        await self.desk.emit_ticks([Tick(self.share, self.clock.now(), self.market.snapshot(self.share))])

    def status(self, placed: BrokerOrder) -> str:
        return self.desk.get("U1", placed.order_id).status.value


def order(**changes: object) -> OrderRequest:
    fields: dict[str, object] = {
        "stock_code": "RELIND",
        "exchange_code": "NSE",
        "product": "cash",
        "action": "buy",
        "order_type": "limit",
        "quantity": "10",
        "price": "890",
        "validity": "day",
    }
    return parse_order(fields | changes)


@pytest.fixture
def stage(market: Any, wall: FixedClock) -> Stage:
    return Stage(market, wall)


async def test_the_same_market_gives_the_same_fills(market: Any, wall: FixedClock) -> None:
    async def run() -> list[tuple[str, str, int]]:
        market.quote = {"ask_qty": 25}
        stage = Stage(market, FixedClock(wall.now()))
        stage.place(quantity="300")
        stage.place(action="sell", price="896", quantity="20")
        for last in (893.0, 890.0, 889.9, 890.0, 895.95, 896.1, 888.0):
            await stage.trade(last)
        return [(each.order_id, each.status.value, each.record.filled) for each in stage.heard]

    first = await run()
    assert first == await run()
    assert {status for _, status, _ in first} >= {"Ordered", "Partially Executed", "Executed"}


async def test_only_what_has_orders_is_watched(stage: Stage) -> None:
    placed = stage.place()
    assert stage.market.watched[SHARE] == 1
    stage.place(price="889")
    assert stage.market.watched[SHARE] == 1
    stage.desk.cancel("U1", placed.order_id)
    assert stage.market.watched[SHARE] == 1
    await stage.trade(880.0)
    assert stage.market.watched[SHARE] == 0
    assert stage.desk.working("U1") == []


async def test_orders_expire_at_the_close_and_stops_before_the_auction(stage: Stage) -> None:
    future = replace(stage.market.universe.by_room("4.1!35001"), stock_code="RELIND", token="35009")
    stage.market.universe = Universe([stage.share, future])
    resting = stage.place()
    stop = stage.place(order_type="stoploss", stoploss="900", price="905")
    stage.wall.advance(timedelta(hours=6, minutes=1).total_seconds())
    stage.desk.advance()
    assert (stage.status(resting), stage.status(stop)) == ("Ordered", "Cancelled")
    stage.wall.advance(timedelta(minutes=20).total_seconds())
    stage.desk.advance()
    assert stage.status(resting) == "Expired"


@pytest.mark.parametrize("move", [{"day": date(2026, 7, 30)}, {"day": date(2026, 8, 4)}, {"day": date(2026, 8, 3)}])
async def test_a_clock_that_jumps_ends_the_day(stage: Stage, move: dict[str, Any]) -> None:
    stage.wall.advance(timedelta(minutes=5).total_seconds())
    placed = stage.place()
    stage.clock.set(mode="replay", **move)
    stage.desk.advance()
    assert stage.status(placed) == "Expired"
    again = stage.place()
    assert stage.status(again) == "Ordered"
    assert again.order_id[8:] != placed.order_id[8:]


async def test_a_corrected_wall_clock_ends_nothing(stage: Stage) -> None:
    stage.wall.advance(60)
    placed = stage.place()
    stage.wall.advance(-2)
    stage.desk.advance()
    assert stage.status(placed) == "Ordered"
    await stage.trade(889.0, seconds=5)
    assert stage.status(placed) == "Executed"


async def test_shares_are_offered_once(stage: Stage) -> None:
    first = stage.place(action="sell", quantity="30", price="900")
    with pytest.raises(Exception, match="Only 20 can be sold"):
        stage.place(action="sell", quantity="21", price="900")
    stage.place(action="sell", quantity="20", price="900")
    # Changing an order does not count its own shares twice.
    assert stage.desk.modify("U1", first.order_id, Amendment(price=Decimal(901)))
    stage.desk.cancel("U1", first.order_id)
    assert stage.desk.sellable("U1", stage.share) == 30


async def test_an_order_is_its_owners(stage: Stage) -> None:
    placed = stage.place()
    foreign: list[Callable[[], object]] = [
        lambda: stage.desk.get("U2", placed.order_id),
        lambda: stage.desk.cancel("U2", placed.order_id),
        lambda: stage.desk.modify("U2", placed.order_id, Amendment(quantity=1)),
    ]
    for call in foreign:
        with pytest.raises(KeyError):
            call()
