"""What users ask of live accounts, and what is refused before anything is written down."""

from decimal import Decimal
from typing import Any

import pytest

from breezeway.errors import BreezewayError, Conflict, Forbidden, InvalidInput, NotFound, RateLimited
from breezeway.exchange.orders import Amendment, OrderType, Product, Side
from breezeway.ids import new_id
from breezeway.market_calendar.calendar import MarketCalendar
from trading_service.application.desk import Desk, DeskRules
from trading_service.application.live_placing import LiveTrading, refuse_paper_key
from trading_service.application.requests import OrderRequest
from trading_service.application.risk import Risk


def request(live: Any, **more: Any) -> OrderRequest:
    known = {"account_id": live.account.id, "symbol": "NSE:A", "side": Side.BUY, "quantity": 10}
    known |= {"order_type": OrderType.LIMIT, "product": Product.CNC, "price": Decimal(100)}
    return OrderRequest(**{**known, **more})


async def refusal(asked: Any) -> BreezewayError:
    with pytest.raises(BreezewayError) as refused:
        await asked
    return refused.value


async def test_the_same_key_is_the_same_order(live: Any) -> None:
    """L-02 for live accounts: a repeated request sends nothing more."""
    first = await live.place(live.user, request(live), "key")
    await live.send()
    again = await live.place(live.user, request(live), "key")
    await live.send()
    assert (again.id, len(live.broker.placed())) == (first.id, 1)
    other = await refusal(live.place(live.user, request(live, quantity=9), "key"))
    assert (type(other), other.code) == (InvalidInput, "idempotency_key_reused")


async def test_somebody_elses_account_and_order(live: Any) -> None:
    stranger, order = new_id(), await live.order()
    for asked in (
        live.place(stranger, request(live)),
        live.trading.place(stranger, request(live), None),
        live.trading.preview(stranger, request(live)),
        live.modify(stranger, order, Amendment(quantity=5)),
        live.cancel(stranger, order),
    ):
        assert isinstance(await refusal(asked), NotFound)
    assert not await live.trading.is_live(stranger, live.account.id)
    assert await live.trading.find(stranger, order) is None
    await refuse_paper_key(live.trading, stranger, account_id=live.account.id, order_id=order)
    await refuse_paper_key(None, live.user, account_id=live.account.id)
    assert isinstance(await refusal(refuse_paper_key(live.trading, live.user, order_id=order)), Forbidden)


async def test_requests_of_a_second_are_counted(live: Any) -> None:
    market = live.service.market
    desk = Desk(live.listing, market, market, MarketCalendar.default(), Risk(), DeskRules(requests_per_second=2))
    trading = LiveTrading(live.work, desk, market, live.wall)
    for _ in range(2):
        await trading.place(live.user, request(live), None)
    refused = await refusal(trading.place(live.user, request(live), None))
    assert (type(refused), refused.code, refused.retry_after) == (RateLimited, "order_rate", 1)


async def test_what_has_ended_is_not_changed(live: Any) -> None:
    order = await live.order()
    await live.send()
    number = await live.number(order)
    await live.tell(number, "partially executed", 4)
    too_few = await refusal(live.modify(live.user, order, Amendment(quantity=4)))
    await live.tell(number, "cancelled", 4)
    changed = await refusal(live.modify(live.user, order, Amendment(quantity=5)))
    cancelled = await refusal(live.cancel(live.user, order))
    refusals = (too_few, changed, cancelled)
    assert [each.code for each in refusals] == ["quantity_filled", "order_not_working", "order_ended"]
    assert all(isinstance(each, Conflict) for each in refusals)


async def test_a_router_that_fails_tells_whoever_runs_it(live: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """A fault of ours ends the process, which begins again from what was committed; one of the world's does not."""
    await live.order()

    async def breaks(*_asked: Any) -> None:
        raise ValueError("a fault of ours")

    monkeypatch.setattr(live.broker, "line", breaks)
    await live.router.begin()
    with pytest.raises(ValueError, match="of ours"):
        await live.router.drain()

    async def away(*_asked: Any) -> None:
        raise OSError("the network is away")

    monkeypatch.setattr(live.broker, "line", away)
    await live.send()
    monkeypatch.undo()
    await live.send()
    assert len(live.broker.placed()) == 1


async def test_what_somebody_else_has_claimed_is_not_sent(live: Any) -> None:
    """Another router takes the command while this one waits for its turn."""
    order = await live.order()
    async with live.work() as work:
        (command,) = await work.waiting_commands(10)
    original = live.broker.reserve

    async def reserve(kind: str) -> None:
        async with live.work() as work:
            assert await work.claim_command(command.seq, live.wall.now())
            await work.commit()
        await original(kind)

    live.broker.reserve = reserve
    await live.send()
    assert live.broker.calls == []
    assert (await live.state(order))[0] == "new"


async def test_a_refusal_before_sending_loses_to_a_claim(live: Any) -> None:
    """This router may not send any more what another has claimed, and says nothing about it."""
    order = await live.order()
    async with live.work() as work:
        (command,) = await work.waiting_commands(10)

    async def reserve(kind: str) -> None:
        async with live.work() as work:
            assert await work.claim_command(command.seq, live.wall.now())
            await work.commit()
        raise Conflict("Log in at the broker.", code="broker_session_inactive")

    live.broker.reserve = reserve
    await live.send()
    assert (await live.state(order))[0] == "new"
    assert len(await live.events(order)) == 1
