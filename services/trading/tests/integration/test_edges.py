"""What is refused, waits, or is let go: the paths beside those that money usually takes."""

import base64
from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

import orjson
import pytest

from breezeway.clock import SystemClock
from breezeway.errors import BreezewayError
from breezeway.exchange.checks import AccountState
from breezeway.exchange.orders import Amendment, OrderState, OrderType, Product, Side
from breezeway.ids import new_id
from breezeway.market_calendar.calendar import MarketCalendar
from trading_service.adapters.db.banking import PostgresBanking
from trading_service.adapters.db.gtts import PostgresGtts
from trading_service.adapters.number_vault import AesNumberVault
from trading_service.application.accounts import MOST_ACCOUNTS, MOST_CASH
from trading_service.application.banking import Banking, Limits, TransferRequest
from trading_service.application.groups import GroupRequest, OrderGroups
from trading_service.application.matcher import FeedChanged
from trading_service.application.portfolio import Portfolio
from trading_service.application.ports import AccountRequest, EquityPoint
from trading_service.application.requests import OrderRequest
from trading_service.domain.banking import Direction
from trading_service.domain.groups import GroupKind, GroupState

SHARE, CALL = "NSE:A", "NFO:NIFTY24NOV2626000CE"


async def refused(call: Any) -> str:
    with pytest.raises(BreezewayError) as error:
        await call
    return error.value.code


async def buy(service: Any, account: Any, quantity: int, product: str, price: str = "100") -> None:
    service.tick(price, spread="0")
    order = await service.order(account, "buy", quantity, price, product=product)
    await service.settle_in()
    service.tick(price, spread="0")
    await service.settle_in()
    assert (await service.stored(order.id)).state is OrderState.FILLED


async def test_accounts_that_cannot_be(service: Any) -> None:
    user = new_id()
    for request, code in (
        (AccountRequest("a", "paper", Decimal(1), "none", broker_account_id=new_id()), "not_for_paper_accounts"),
        (AccountRequest("a", "paper", Decimal(-1), "none"), "invalid_amount"),
        (AccountRequest("a", "paper", MOST_CASH + 1, "none"), "invalid_amount"),
    ):
        assert await refused(service.accounts.open(user, request)) == code
    for _ in range(MOST_ACCOUNTS):
        await service.open("0.00", user=user)
    assert await refused(service.open("0.00", user=user)) == "too_many_accounts"


async def test_an_account_with_something_in_it_is_not_closed_and_a_closed_one_is_gone(service: Any) -> None:
    account = await service.open(user=new_id())
    await buy(service, account, 10, "cnc")
    assert await refused(service.accounts.close(account.user_id, account.id)) == "positions_open"
    other = await service.open(user=account.user_id)
    await service.accounts.close(account.user_id, other.id)
    halted = AccountState.HALTED
    assert await refused(service.accounts.change_state(account.user_id, other.id, halted)) == "account_not_found"
    assert await refused(service.order(other)) == "account_not_found"
    assert await refused(service.accounts.one(new_id(), account.id)) == "account_not_found"


async def test_a_portfolio_says_what_it_cannot_answer(service: Any) -> None:
    portfolio = Portfolio(service.work, service.accounts, service.place, service.market, MarketCalendar.default())
    account = await service.open()
    user = account.user_id
    assert await refused(portfolio.history(user, account.id, "2D", "15m")) == "invalid_period"
    assert await refused(portfolio.history(user, account.id, "1D", "2m")) == "invalid_timeframe"
    assert await refused(portfolio.close(user, account.id, SHARE, None, None)) == "position_not_found"
    await buy(service, account, 10, "cnc")
    await buy(service, account, 5, "mis")
    assert await refused(portfolio.close(user, account.id, SHARE, None, None)) == "ambiguous_position"
    closing = await portfolio.close(user, account.id, SHARE, Product.MIS, None)
    assert (closing.side, closing.quantity, closing.product) == ("sell", "5", "mis")


async def test_days_without_trading_add_no_returns(service: Any) -> None:
    """A look at the weekend, or before Monday's open, is no day on which nothing was earned."""
    market = service.market
    market.now_ = datetime.fromisoformat("2026-11-17T10:00:00+05:30")
    account = await service.open("100000.00")
    async with service.work() as work:
        for day, equity in ((17, "101000"), (18, "103000"), (19, "102000"), (20, "100000")):
            at = datetime.fromisoformat(f"2026-11-{day}T15:35:00+05:30")
            await work.add_equity(account.id, EquityPoint(at, Decimal(equity), Decimal(equity), Decimal(100_000)))
        await work.commit()
    portfolio = Portfolio(service.work, service.accounts, service.place, market, MarketCalendar.default())
    found = {}
    for moment in ("20T15:45", "21T12:00", "22T18:00", "23T08:30", "23T09:30"):
        market.now_ = datetime.fromisoformat(f"2026-11-{moment}:00+05:30")
        found[moment] = (await portfolio.report(account.user_id, account.id)).performance
    friday = found["20T15:45"]
    assert friday.sharpe is not None
    for moment in ("21T12:00", "22T18:00", "23T08:30"):
        quiet = found[moment]
        assert (quiet.sharpe, quiet.sortino, quiet.days) == (friday.sharpe, friday.sortino, friday.days), moment
        assert quiet.draw_down == friday.draw_down
    monday = found["23T09:30"]
    assert monday.days == friday.days + 1
    assert monday.sharpe != friday.sharpe


async def test_before_the_calendar_begins_every_day_counts(service: Any) -> None:
    market = service.market
    market.now_ = datetime.fromisoformat("1985-01-05T10:00:00+05:30")
    account = await service.open("1000.00")
    portfolio = Portfolio(service.work, service.accounts, service.place, market, MarketCalendar.default())
    market.now_ = datetime.fromisoformat("1985-01-06T10:00:00+05:30")
    assert (await portfolio.report(account.user_id, account.id)).performance.days == 2


async def test_a_partly_filled_order_can_be_moved_and_not_be_made_smaller_than_it_is(service: Any) -> None:
    account = await service.open("2000.00")
    service.tick("100")
    order = await service.order(account, "buy", 10, "99")
    await service.settle_in()
    service.tick("100", spread="2")
    service.tick("98", quantity=4, spread="2")
    await service.settle_in()
    assert (await service.stored(order.id)).filled == 4
    smaller = service.modify(account.user_id, order.id, Amendment(quantity=4))
    assert await refused(smaller) == "quantity_filled"
    await service.modify(account.user_id, order.id, Amendment(quantity=8, price=Decimal("98.50")))
    await service.settle_in()
    after = await service.stored(order.id)
    assert (after.order.quantity, after.filled, after.hold) == (8, 4, Decimal("394.00"))
    await service.check(account)
    await service.cancel(account.user_id, order.id)
    await service.settle_in()
    assert await refused(service.modify(account.user_id, order.id, Amendment(quantity=9))) == "order_not_working"
    await service.check(account)


async def test_after_a_gap_nothing_fills_before_the_next_tick(service: Any) -> None:
    """A depth alone is no market to trade against."""
    account = await service.open()
    service.tick("100")
    order = await service.order(account, "buy", 10, "99")
    await service.settle_in()
    service.tick("100")
    gap = {"type": "gap", "symbol": SHARE}
    depth = {"type": "depth", "symbol": SHARE, "bids": [[97.0, 100]], "asks": [[98.0, 100]]}
    for lose in (lambda: service.matcher.on_message("feed", orjson.dumps(gap)), service.matcher.on_gap):
        lose()
        service.market.now_ += timedelta(seconds=1)
        body = {**depth, "ts": int(service.market.now_.timestamp() * 1000)}
        service.matcher.on_message("feed", orjson.dumps(body))
        await service.settle_in()
        assert (await service.stored(order.id)).state is OrderState.OPEN
    service.tick("98", spread="0")
    await service.settle_in()
    assert (await service.stored(order.id)).state is OrderState.FILLED


async def test_an_order_without_market_data_waits_until_there_is_some(service: Any) -> None:
    service.market.feed = None
    account = await service.open()
    order = await service.order(account, "buy", 10, "101")
    await service.settle_in()
    assert (await service.stored(order.id)).state is OrderState.OPEN
    service.market.feed = "feed"
    with pytest.raises(FeedChanged):
        await service.matcher.watch()
    await service.restart()
    assert SHARE in service.market.wanted["feed"]
    service.matcher.also_watched = {(account.user_id, "NSE:B")}
    await service.matcher.watch()
    assert "NSE:B" in service.market.wanted["feed"]
    for _ in range(2):
        service.tick("100")
    await service.settle_in()
    assert (await service.stored(order.id)).state is OrderState.FILLED


async def test_an_expired_contract_without_a_price_waits_for_somebody_to_look(service: Any) -> None:
    account = await service.open("1000000.00")
    service.tick("10", CALL, spread="0")
    await service.order(account, "buy", 65, "10", CALL, "nrml")
    await service.settle_in()
    service.tick("10", CALL, spread="0")
    await service.settle_in()
    service.market.now_ += timedelta(days=5)
    await service.housekeeping.run()
    positions = await service.read.positions(account.user_id, account.id)
    assert [each.quantity for each in positions] == ["65"]
    await service.check(account)


async def test_a_trigger_whose_order_is_refused_ends_its_group(service: Any) -> None:
    groups = OrderGroups(lambda: PostgresGtts(service.engine), service.place, service.cancel, SystemClock())
    account = await service.open("100.00", user=new_id())
    waiting = OrderRequest(
        account_id=account.id,
        symbol=SHARE,
        side=Side.BUY,
        quantity=10,
        order_type=OrderType.LIMIT,
        product=Product.CNC,
        price=Decimal(100),
    )
    made = [
        await groups.add(
            account.user_id,
            GroupRequest(
                account.id, GroupKind.GTT, [("leg", waiting)], {"symbol": SHARE, "price": "90", "above": True}
            ),
        )
        for _ in range(3)
    ]
    page, cursor = await groups.of(account.user_id, None, 2)
    assert [each.group.id for each in page] == [made[2].group.id, made[1].group.id]
    rest, end = await groups.of(account.user_id, cursor, 2)
    assert ([each.group.id for each in rest], end) == ([made[0].group.id], None)
    assert await refused(groups.one(new_id(), made[0].group.id)) == "group_not_found"
    service.tick("100")
    await groups.keep(lambda symbol: service.market.prices[symbol].price)
    ended = await groups.one(account.user_id, made[0].group.id)
    assert (ended.group.state, ended.orders) == (GroupState.FAILED, ())
    assert ended.group.text is not None
    assert "rupees" in ended.group.text
    nobody = GroupRequest(new_id(), GroupKind.BASKET, [("leg", waiting)])
    assert await refused(groups.add(account.user_id, nobody)) == "account_not_found"


async def test_transfers_are_listed_and_stay_with_their_owner(service: Any) -> None:
    vault = AesNumberVault(base64.b64encode(b"k" * 32).decode())
    limits = Limits(Decimal(10**6), Decimal(10**6))
    banking = Banking(lambda: PostgresBanking(service.engine), vault, limits, SystemClock())
    account, stranger = await service.open(user=new_id()), await service.open(user=new_id())
    user = account.user_id
    bank = await banking.link(user, "A TRADER", "Bank", "ICIC0000004", "123456789")
    made = []
    for rupees in (10, 20, 30):
        request = TransferRequest(bank.id, account.id, Direction.DEPOSIT, Decimal(rupees))
        made.append(await banking.move(user, request, None))
    page, cursor = await banking.transfers(user, None, 2)
    assert [each.id for each in page] == [made[2].id, made[1].id]
    rest, end = await banking.transfers(user, cursor, 2)
    assert ([each.id for each in rest], end) == ([made[0].id], None)
    for bank_id, account_id, code in (
        (UUID(int=9), account.id, "bank_account_not_found"),
        (bank.id, stranger.id, "account_not_found"),
    ):
        request = TransferRequest(bank_id, account_id, Direction.DEPOSIT, Decimal(1))
        assert await refused(banking.move(user, request, None)) == code
    assert (await service.balances(account))["cash"] == Decimal("1000060.00")
    await service.check(account)


async def test_what_contradicts_the_database_keeps_no_other_order_waiting(service: Any) -> None:
    """A decision that cannot be written is put aside; those after it are written."""
    account = await service.open()
    service.tick("100")
    lost = await service.order(account, "buy", 10, "99")
    await service.settle_in()
    async with service.work() as work:
        stored = await work.order(lost.id)
        assert stored is not None
        await work.save_order(replace(stored, state=OrderState.EXPIRED))
        await work.commit()
    other = await service.order(account, "buy", 10, "98.50")
    await service.settle_in()
    service.tick("100")
    service.tick("98", spread="0")
    await service.settle_in()
    assert (await service.stored(other.id)).state is OrderState.FILLED


def test_the_matcher_says_when_it_has_not_begun(service: Any) -> None:
    service.matcher.forget()
    assert not service.matcher.running
    service.matcher.on_gap()
    with pytest.raises(RuntimeError, match="not begun"):
        service.matcher._present()
