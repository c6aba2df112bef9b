"""From an order to its trade, position and ledger entries, on a real database."""

import asyncio
from datetime import timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest

from breezeway.contracts.trading import OrderView
from breezeway.errors import (
    BreezewayError,
    Conflict,
    Forbidden,
    InvalidInput,
    NotFound,
    RateLimited,
    UpstreamUnavailable,
)
from breezeway.exchange.checks import AccountState
from breezeway.exchange.orders import Amendment, OrderState
from trading_service.application.desk import DeskRules
from trading_service.application.ports import AccountRequest

STRANGER = UUID(int=2)


async def patiently(service: Any, account: Any, **more: Any) -> OrderView:
    """What a client does who is told that everything is busy: the same request again."""
    while True:
        try:
            placed: OrderView = await service.order(account, **more)
        except UpstreamUnavailable:
            await asyncio.sleep(0.1)
        else:
            return placed


async def test_a_limit_order_rests_and_fills_when_the_market_trades_through_it(service: Any) -> None:
    account = await service.open("10000.00", plan="icici_prime_299")
    service.tick("100")
    placed = await service.order(account, quantity=10, price="99.50")
    assert placed.state is OrderState.NEW
    await service.settle_in()
    assert (await service.stored(placed.id)).state is OrderState.OPEN
    await service.check(account)
    blocked = (await service.balances(account))["margin"]
    assert blocked > Decimal("995.00")  # the value and its charges

    service.tick("100")
    service.tick("99.40")
    await service.settle_in()
    filled = await service.read.order(account.user_id, placed.id)
    assert filled.state is OrderState.FILLED
    assert filled.average_price == "99.5"
    balances = await service.balances(account)
    assert balances["holdings"] == Decimal("995.00")
    charges = sum((value for name, value in balances.items() if name.startswith("charge:")), Decimal(0))
    assert charges > 0
    assert balances["cash"] == Decimal("10000.00") - Decimal("995.00") - charges
    notes = await service.read.contract_notes(account.user_id, account.id, None)
    assert notes[0].charges == charges
    await service.check(account)


async def test_a_market_order_takes_the_touch(service: Any) -> None:
    account = await service.open()
    service.tick("100")
    resting = await service.order(account, price="95")  # the book of the instrument exists from now on
    await service.settle_in()
    service.tick("100")
    placed = await service.order(account, quantity=5, price=None)
    await service.settle_in()
    found = await service.read.order(account.user_id, placed.id)
    assert (found.state, found.average_price) == (OrderState.FILLED, "100.05")
    kinds = [each.kind for each in await service.read.events(account.user_id, placed.id)]
    assert kinds == ["new", "accept", "fill"]
    assert (await service.stored(resting.id)).state is OrderState.OPEN
    await service.check(account)


async def test_events_say_what_the_engine_saw(service: Any) -> None:
    account = await service.open()
    service.tick("100")
    placed = await service.order(account, price="99")
    await service.settle_in()
    service.tick("100")
    service.tick("98.90")
    await service.settle_in()
    fill = (await service.read.events(account.user_id, placed.id))[-1]
    assert fill.code == "traded_through"
    assert fill.details["rule"] == "traded_through"
    assert fill.details["last_price"] == "98.9"


async def test_a_sale_realises_profit_first_in_first_out(service: Any) -> None:
    account = await service.open()
    service.tick("100")
    await service.order(account, price="95")
    await service.settle_in()
    for price in ("100", "102"):
        service.tick(price)
        await service.order(account, quantity=10, price=None)
        await service.settle_in()
    service.tick("105")
    sold = await service.order(account, "sell", 15, None)
    await service.settle_in()
    trades, _ = await service.read.trades(account.user_id, account.id, None, 10)
    assert (await service.stored(sold.id)).state is OrderState.FILLED
    # 10 bought at 100.05 and 5 of those at 102.05, sold at 104.95.
    assert Decimal(trades[0].realised) == Decimal("49.00") + Decimal("14.50")
    balances = await service.balances(account)
    assert balances["unsettled"] == Decimal("1574.25")
    assert balances["advance"] == -balances["unsettled"]
    holdings = await service.read.holdings(account.user_id, account.id)
    assert (holdings[0].t1, holdings[0].settled) == (5, 0)
    await service.check(account)


async def test_an_intraday_short_blocks_a_fifth_and_gives_it_back(service: Any) -> None:
    account = await service.open("10000.00")
    service.tick("100")
    await service.order(account, price="50")
    await service.settle_in()
    service.tick("100")
    await service.order(account, "sell", 100, None, product="mis")
    await service.settle_in()
    balances = await service.balances(account)
    assert balances["margin"] == Decimal("50.00") + Decimal("1999.00")  # 100 x 99.95 / 5
    await service.check(account)
    service.tick("98")
    await service.order(account, "buy", 100, None, product="mis")
    await service.settle_in()
    balances = await service.balances(account)
    assert balances["margin"] == Decimal("50.00")
    assert balances["realised"] == Decimal("-190.00")  # a credit: 99.95 - 98.05 a share
    await service.check(account)


async def test_a_loss_beyond_the_cash_is_owed_and_cash_stays_at_zero(service: Any) -> None:
    account = await service.open("2050.00")
    service.tick("100")
    await service.order(account, price="50")
    await service.settle_in()
    service.tick("100")
    await service.order(account, "sell", 100, None, product="mis")
    await service.settle_in()
    service.tick("150")
    await service.order(account, "buy", 100, "155", product="mis")
    await service.settle_in()
    balances = await service.balances(account)
    assert balances.get("cash", Decimal(0)) == 0
    assert balances["shortfall"] == Decimal("-3010.00")  # lost 5010.00, had 2000.00
    await service.check(account)


async def test_a_cancelled_order_gives_everything_back(service: Any) -> None:
    account = await service.open("1000.00")
    service.tick("100")
    placed = await service.order(account, price="90")
    await service.settle_in()
    await service.cancel(account.user_id, placed.id)
    await service.settle_in()
    assert (await service.stored(placed.id)).state is OrderState.CANCELLED
    assert await service.balances(account) == {"cash": Decimal("1000.00"), "capital": Decimal("-1000.00")}
    with pytest.raises(Conflict, match="cancelled already"):
        await service.cancel(account.user_id, placed.id)
    await service.check(account)


async def test_a_modification_moves_the_order_and_its_hold(service: Any) -> None:
    account = await service.open("1000.00")
    service.tick("100")
    placed = await service.order(account, quantity=5, price="90")
    await service.settle_in()
    await service.modify(account.user_id, placed.id, Amendment(quantity=10, price=Decimal("95")))
    await service.settle_in()
    changed = await service.stored(placed.id)
    assert (changed.order.quantity, changed.order.price, changed.hold) == (10, Decimal(95), Decimal("950.00"))
    await service.check(account)
    with pytest.raises(Conflict) as refused:
        await service.modify(account.user_id, placed.id, Amendment(quantity=11))
    assert refused.value.code == "insufficient_funds"
    await service.modify(account.user_id, placed.id, Amendment(quantity=2))
    await service.settle_in()
    assert (await service.stored(placed.id)).hold == Decimal("190.00")
    await service.check(account)


async def test_a_day_order_expires_with_the_day_and_gives_everything_back(service: Any) -> None:
    account = await service.open("1000.00")
    service.tick("100")
    placed = await service.order(account, price="90")
    await service.settle_in()
    service.market.now_ += timedelta(hours=6)
    await service.matcher.advance()
    assert (await service.stored(placed.id)).state is OrderState.EXPIRED
    assert (await service.balances(account))["cash"] == Decimal("1000.00")
    await service.check(account)


async def test_what_is_refused_leaves_no_trace(service: Any) -> None:
    account = await service.open("1000.00")
    for more, code in (
        ({"price": "100.03"}, "tick_size"),
        ({"side": "sell"}, "insufficient_holdings"),
        ({"product": "nrml"}, "product"),
        ({"price": "100", "quantity": 11}, "insufficient_funds"),
        ({"symbol": "NSE:NOTHING"}, "instrument_not_found"),
        ({"symbol": "NFO:NIFTY24NOV26FUT", "quantity": 64, "product": "nrml", "price": "26000"}, "lot_size"),
    ):
        with pytest.raises(BreezewayError) as refused:
            await service.order(account, **more)
        assert refused.value.code == code
    assert await service.balances(account) == {"cash": Decimal("1000.00"), "capital": Decimal("-1000.00")}
    async with service.work() as work:
        assert await work.working_orders(account.id) == []


async def test_the_kill_switch(service: Any) -> None:
    account = await service.open()
    service.tick("100")
    working = await service.order(account, price="90")
    await service.settle_in()
    service.tick("100")
    await service.order(account, quantity=10, price=None)
    await service.settle_in()
    await service.accounts.change_state(account.user_id, account.id, AccountState.REDUCING)
    with pytest.raises(Conflict) as refused:
        await service.order(account, price="90")
    assert refused.value.code == "account_reducing"
    await service.order(account, "sell", 5, "110")
    await service.settle_in()
    await service.accounts.change_state(account.user_id, account.id, AccountState.HALTED)
    await service.settle_in()
    with pytest.raises(Conflict) as refused:
        await service.order(account, "sell", 5, "110")
    assert refused.value.code == "account_halted"
    async with service.work() as work:
        assert await work.working_orders(account.id) == []
    assert (await service.stored(working.id)).code == "account_halted"
    await service.check(account)


async def test_l_14_an_account_has_a_limit_of_requests_a_second(service: Any) -> None:
    account = await service.open()
    service.place._desk.rules = DeskRules(requests_per_second=3)
    results = await asyncio.gather(*(service.order(account, price="90") for _ in range(40)), return_exceptions=True)
    refused = [each for each in results if isinstance(each, RateLimited)]
    # Forty requests take less than a few seconds of the wall clock, of which each lets three through.
    assert len(refused) >= 20
    assert {each.code for each in refused} == {"order_rate"}
    assert all(isinstance(each, OrderView | RateLimited) for each in results)


async def test_l_01_concurrent_orders_cannot_spend_the_same_money_twice(service: Any) -> None:
    """200 buys of 100 rupees at once on 1,000 rupees: exactly ten are accepted, and cash ends at zero."""
    account = await service.open("1000.00")
    results = await asyncio.gather(*(patiently(service, account) for _ in range(200)), return_exceptions=True)
    accepted = [each for each in results if isinstance(each, OrderView)]
    refused = [each for each in results if not isinstance(each, OrderView)]
    assert len(accepted) == 10
    assert {getattr(each, "code", repr(each)) for each in refused} == {"insufficient_funds"}
    assert (await service.balances(account)).get("cash", Decimal(0)) == 0
    await service.check(account)


async def test_l_02_one_key_places_one_order(service: Any) -> None:
    """A hundred requests with one key: one order and one answer; another body is refused, another user is free."""
    account = await service.open()
    answers = await asyncio.gather(*(patiently(service, account, price="90", key="k1") for _ in range(100)))
    assert len({each.id for each in answers}) == 1
    with pytest.raises(InvalidInput) as refused:
        await service.order(account, price="91", key="k1")
    assert refused.value.code == "idempotency_key_reused"
    await service.restart()
    assert await service.order(account, price="90", key="k1") == answers[0]
    theirs = await service.open(user=STRANGER)
    other = await service.order(theirs, price="90", key="k1")
    assert other.id != answers[0].id
    async with service.work() as work:
        assert len(await work.working_orders(account.id)) == 1


async def test_client_order_ids_are_unique_in_an_account(service: Any) -> None:
    account = await service.open()
    first = await service.order(account, price="90", client_order_id="mine")
    with pytest.raises(Conflict) as refused:
        await service.order(account, price="91", client_order_id="mine")
    assert refused.value.code == "duplicate_client_order_id"
    found = await service.read.by_client_id(account.user_id, account.id, "mine")
    assert found.id == first.id
    with pytest.raises(NotFound):
        await service.read.by_client_id(STRANGER, None, "mine")


async def test_nobody_sees_or_touches_what_is_not_theirs(service: Any) -> None:
    account = await service.open()
    placed = await service.order(account, price="90")
    for call in (
        service.read.order(STRANGER, placed.id),
        service.read.events(STRANGER, placed.id),
        service.cancel(STRANGER, placed.id),
        service.modify(STRANGER, placed.id, Amendment(quantity=2)),
        service.accounts.one(STRANGER, account.id),
        service.accounts.reset(STRANGER, account.id),
        service.read.ledger(STRANGER, account.id, None, 10),
    ):
        with pytest.raises(NotFound):
            await call


async def test_l_13_no_live_account_can_be_opened(service: Any) -> None:
    """Live trading is off: nothing that could reach a broker exists."""
    with pytest.raises(Forbidden) as refused:
        await service.accounts.open(STRANGER, AccountRequest("live", "live", Decimal(0), "free"))
    assert refused.value.code == "live_trading_disabled"


async def test_l_15_nothing_fills_on_a_stale_price(service: Any) -> None:
    """After a silence of the feed a market order is refused, and a resting one waits for the next tick."""
    account = await service.open()
    service.tick("100")
    resting = await service.order(account, price="99.90")
    await service.settle_in()
    service.tick("100")
    service.market.now_ += timedelta(seconds=60)
    with pytest.raises(Conflict) as refused:
        await service.order(account, price=None)
    assert refused.value.code == "stale_price"
    crossing = await service.order(account, price="101")
    await service.settle_in()
    assert (await service.stored(crossing.id)).state is OrderState.OPEN
    assert (await service.stored(resting.id)).state is OrderState.OPEN
    service.tick("100")
    await service.settle_in()
    assert (await service.stored(crossing.id)).state is OrderState.FILLED
    await service.check(account)


async def test_what_has_not_traded_today_triggers_no_stop(service: Any) -> None:
    """The broker's frames say 0 until the first trade of the day."""
    account = await service.open()
    service.tick("100")
    await service.order(account, "buy", 10, "101", product="mis")
    await service.settle_in()
    service.tick("100")
    await service.settle_in()
    stop = await service.order(account, "sell", 10, None, order_type="sl_m", trigger_price="95", product="mis")
    await service.settle_in()
    service.tick("0")
    await service.settle_in()
    assert (await service.stored(stop.id)).state is OrderState.TRIGGER_PENDING
    service.tick("94.90")
    service.tick("94.90")
    await service.settle_in()
    assert (await service.stored(stop.id)).state is OrderState.FILLED
    await service.check(account)


async def test_a_reset_begins_again_and_keeps_the_journal(service: Any) -> None:
    account = await service.open("5000.00")
    service.tick("100")
    await service.order(account, price="99.95", quantity=10)
    await service.settle_in()
    service.tick("99")
    await service.settle_in()
    before, _ = await service.read.ledger(account.user_id, account.id, None, 100)
    status = await service.accounts.reset(account.user_id, account.id)
    assert (status.funds.cash, status.funds.realised) == (Decimal("5000.00"), Decimal(0))
    after, _ = await service.read.ledger(account.user_id, account.id, None, 100)
    assert after[-len(before) :] == before
    assert (await service.read.trades(account.user_id, account.id, None, 10))[0] == []
    await service.check(account)


async def test_messages_of_an_order_wait_in_the_outbox_in_their_order(service: Any) -> None:
    account = await service.open()
    service.tick("100")
    await service.order(account, price="99")
    await service.settle_in()
    service.tick("100")
    service.tick("98")
    await service.settle_in()
    async with service.work() as work:
        waiting = [each.message for each in await work.waiting(100)]
    assert [each["type"] for each in waiting] == ["order", "order", "order", "trade", "position"]
    assert [each["state"] for each in waiting[:3]] == ["new", "open", "filled"]
