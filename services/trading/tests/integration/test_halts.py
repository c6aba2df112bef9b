"""An index that falls too far halts the market: what becomes of orders, positions and of who takes over meanwhile."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from breezeway.clock import IST
from breezeway.exchange.orders import OrderState
from trading_service.application.matcher import ClockSetBack
from trading_service.application.ports import OrderFilter

NIFTY, SENSEX = "NSE_INDEX:NIFTY", "BSE_INDEX:SENSEX"
CALL = "NFO:NIFTY24NOV2626000CE"


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=IST).astimezone(UTC)


async def history(service: Any, order_id: Any) -> list[Any]:
    async with service.work() as work:
        return list(await work.events(order_id))


async def test_a_fall_of_ten_percent_cancels_every_order_and_says_why(service: Any) -> None:
    """The hold is released, and the history of each order names the index, the level and the times."""
    account = await service.open("1000000.00")
    service.tick("100")
    service.tick("150", CALL)
    placed = [
        await service.order(account, "buy", 10, "99"),
        await service.order(account, "buy", 10, None, order_type="sl_m", trigger_price="105", product="mis"),
        await service.order(account, "buy", 65, "140", CALL, "nrml"),
    ]
    await service.settle_in()
    service.index(9)
    await service.settle_in()
    assert (await service.stored(placed[0].id)).state is OrderState.OPEN
    service.index(10)
    await service.settle_in()
    for each in placed:
        assert (await service.stored(each.id)).state is OrderState.CANCELLED
        last = (await history(service, each.id))[-1]
        assert (last.kind, last.code) == ("cancel", "market_halt")
        assert "NSE_INDEX:NIFTY moved 10 % from its last close at 12:00:02" in last.text
        assert "take orders again from 12:45:02 and trade from 13:00:02" in last.text
        assert last.details["rule"] == "halted"
    assert (await service.balances(account)).get("margin", 0) == 0
    await service.check(account)


async def test_an_index_without_a_price_halts_nothing(service: Any) -> None:
    """Before the first trade of a day the broker's frames say 0, which is no fall of a hundred percent."""
    account = await service.open("1000000.00")
    service.tick("100")
    placed = await service.order(account, "buy", 10, "99")
    await service.settle_in()
    service.index(100)
    await service.settle_in()
    assert (await service.stored(placed.id)).state is OrderState.OPEN


async def test_orders_are_refused_then_taken_then_matched(service: Any) -> None:
    """While halted the exchange rejects; in the pre-open it takes and does not match; after it the next tick opens."""
    account = await service.open("100000.00")
    service.tick("100")
    service.index(11, SENSEX)
    await service.settle_in()
    refused = await service.order(account, "buy", 10, "101")
    await service.settle_in()
    assert (await service.stored(refused.id)).state is OrderState.REJECTED
    assert (await history(service, refused.id))[-1].code == "market_halt"
    service.market.now_ = at("2026-11-20T12:46:00")
    taken = await service.order(account, "buy", 10, "101")
    await service.settle_in()
    service.tick("100")
    await service.settle_in()
    assert (await service.stored(taken.id)).state is OrderState.OPEN
    service.market.now_ = at("2026-11-20T13:00:10")
    service.tick("100")
    await service.settle_in()
    last = (await history(service, taken.id))[-1]
    assert (last.kind, last.code) == ("fill", "opening_gap")
    # The level is used up: the market stands where it stood and trades on.
    service.index(11)
    later = await service.order(account, "buy", 10, "99")
    await service.settle_in()
    assert (await service.stored(later.id)).state is OrderState.OPEN
    await service.check(account)


@pytest.mark.parametrize("heard", [True, False], ids=["all cancelled", "died at the first"])
async def test_a_matcher_that_takes_over_finds_the_halt(service: Any, heard: bool) -> None:
    """It cancels what its predecessor did not, keeps what came for the opening, and does not halt a second time."""
    account = await service.open("100000.00")
    service.tick("100")
    before = await service.order(account, "buy", 10, "99")
    await service.settle_in()
    service.index(10)
    if not heard:
        state = service.matcher._present()
        # The halt is committed, the cancellations are not.
        await service.matcher._recorder.record(state.fence, state.decided[:1])
        state.decided.clear()
    else:
        await service.settle_in()
    await service.restart()
    await service.settle_in()
    assert (await service.stored(before.id)).state is OrderState.CANCELLED
    service.market.now_ += timedelta(minutes=47)
    after = await service.order(account, "buy", 10, "99")
    await service.settle_in()
    await service.restart()
    await service.settle_in()
    assert (await service.stored(after.id)).state is OrderState.OPEN
    service.market.now_ += timedelta(minutes=15)
    service.tick("98")
    service.index(10)
    await service.settle_in()
    assert (await service.stored(after.id)).state is OrderState.FILLED
    await service.check(account)


@pytest.mark.parametrize("running", [True, False], ids=["the same matcher", "a new matcher"])
async def test_a_day_that_is_replayed_again_halts_again(service: Any, running: bool) -> None:
    """The clock is set back to before the halt: its level counts again, and the rest of the first run is forgotten."""
    account = await service.open("100000.00")
    service.tick("100")
    first = await service.order(account, "buy", 10, "99")
    await service.settle_in()
    service.index(10)
    await service.settle_in()
    service.market.now_ = at("2026-11-20T13:30:00")
    service.index(15)
    await service.settle_in()
    service.market.now_ = at("2026-11-20T10:00:00")
    if running:
        with pytest.raises(ClockSetBack):
            await service.matcher.step()
    await service.restart()
    service.tick("100")
    again = await service.order(account, "buy", 10, "99")
    await service.settle_in()
    assert (await service.stored(again.id)).state is OrderState.OPEN
    service.market.now_ = at("2026-11-20T12:10:00")
    service.index(11)
    await service.settle_in()
    for each in (first, again):
        assert (await history(service, each.id))[-1].code == "market_halt"
    # Who takes over in the second run finds its halt, with its times, and not the first one's.
    await service.restart()
    refused = await service.order(account, "buy", 10, "99")
    await service.settle_in()
    assert (await history(service, refused.id))[-1].code == "market_halt"
    service.market.now_ = at("2026-11-20T13:31:00")
    await service.restart()
    taken = await service.order(account, "buy", 10, "99")
    await service.settle_in()
    assert (await service.stored(taken.id)).state is OrderState.OPEN
    await service.check(account)


async def test_the_market_of_another_feed_goes_on(service: Any) -> None:
    account = await service.open("100000.00")
    service.tick("100")
    order = await service.order(account, "buy", 10, "99")
    await service.settle_in()
    service.index(20, feed="somebody else's")
    await service.settle_in()
    assert (await service.stored(order.id)).state is OrderState.OPEN


async def test_an_index_before_the_open_or_without_a_close_halts_nothing(service: Any) -> None:
    account = await service.open("100000.00")
    service.tick("100")
    order = await service.order(account, "buy", 10, "99")
    await service.settle_in()
    service.tick("20000", NIFTY)  # says nothing of yesterday's close
    service.market.now_ = at("2026-11-20T09:10:00")
    service.index(20)
    await service.settle_in()
    assert (await service.stored(order.id)).state is OrderState.OPEN
    async with service.work() as work:
        assert await work.halts(service.market.now_.astimezone(IST).date()) == {}


async def test_both_indices_are_listened_to_wherever_something_works(service: Any) -> None:
    account = await service.open("100000.00")
    service.tick("100")
    await service.order(account, "buy", 10, "99")
    await service.settle_in()
    assert service.market.wanted["feed"] >= {"NSE:A", NIFTY, SENSEX}


async def test_square_off_waits_for_the_halt_to_end(service: Any) -> None:
    """Nothing can be closed while the market is halted; a halt to the end of the day leaves the last price."""
    account = await service.open("100000.00")
    service.tick("100", spread="0")
    await service.order(account, "buy", 10, "100", product="mis")
    await service.settle_in()
    service.tick("100", spread="0")
    await service.settle_in()
    await service.housekeeping.run()
    service.market.now_ = at("2026-11-20T14:10:00")
    service.tick("90")
    service.index(15)
    await service.settle_in()
    service.market.now_ = at("2026-11-20T15:06:00")
    for _ in range(2):
        await service.housekeeping.run()
        await service.settle_in()
    trades, _ = await service.read.trades(account.user_id, account.id, None, 10)
    assert len(trades) == 1
    orders, _ = await service.read.orders(account.user_id, OrderFilter(account.id), None, 10)
    assert len(orders) == 1, "no square-off order was sent into the halt"
    service.market.now_ = at("2026-11-20T15:45:00")
    await service.housekeeping.run()
    await service.settle_in()
    trades, _ = await service.read.trades(account.user_id, account.id, None, 10)
    assert (trades[0].price, trades[0].tag) == ("90", "auto_square_off")
    assert (await service.balances(account))["cash"] == Decimal("99900.00")
    await service.check(account)
