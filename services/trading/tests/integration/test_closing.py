"""What exchange and broker do by themselves; each twice, because jobs run twice, and late, because machines sleep."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from breezeway.clock import IST
from breezeway.exchange.orders import OrderState
from trading_service.application.ports import LastPrice

COTTON = "MCX:COTTON30NOV26FUT"
FUTURE, CALL = "NFO:NIFTY24NOV26FUT", "NFO:NIFTY24NOV2626000CE"


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=IST).astimezone(UTC)


async def trade(service: Any, account: Any, side: str, quantity: int, price: str, symbol: str, product: str) -> None:
    """A limit order that meets its touch at once."""
    service.tick(price, symbol, spread="0")
    resting = await service.order(account, side, quantity, price, symbol, product)
    await service.settle_in()
    service.tick(price, symbol, spread="0")
    await service.settle_in()
    assert (await service.stored(resting.id)).state is OrderState.FILLED


async def twice(service: Any) -> None:
    await service.housekeeping.run()
    await service.settle_in()
    await service.housekeeping.run()
    await service.settle_in()


async def test_money_from_a_sale_settles_on_the_next_trading_day_and_only_once(service: Any) -> None:
    account = await service.open("100000.00")
    await trade(service, account, "buy", 10, "100", "NSE:A", "cnc")
    await trade(service, account, "sell", 10, "110", "NSE:A", "cnc")
    status = await service.accounts.one(account.user_id, account.id)
    assert (status.funds.cash, status.funds.withdrawable) == (Decimal("100100.00"), Decimal("99000.00"))
    await twice(service)
    assert (await service.balances(account))["unsettled"] == Decimal("1100.00")
    service.market.now_ = at("2026-11-23T09:30:00")  # Friday's sale settles on Monday
    await twice(service)
    balances = await service.balances(account)
    assert "unsettled" not in balances
    assert "advance" not in balances
    status = await service.accounts.one(account.user_id, account.id)
    assert status.funds.withdrawable == Decimal("100100.00")
    await service.check(account)


async def test_an_intraday_position_is_squared_off_at_its_time(service: Any) -> None:
    account = await service.open("100000.00", plan="icici_prime_299")
    await trade(service, account, "buy", 10, "100", "NSE:A", "mis")
    other = await service.order(account, "sell", 10, "120", product="mis")
    await service.settle_in()
    await twice(service)
    assert (await service.stored(other.id)).state is OrderState.OPEN
    service.market.now_ = at("2026-11-20T15:05:05")
    service.tick("101", "NSE:A")
    await twice(service)
    service.tick("101", "NSE:A")
    await twice(service)
    assert (await service.stored(other.id)).state is OrderState.CANCELLED
    positions = await service.read.positions(account.user_id, account.id)
    assert [each.quantity for each in positions] == ["0"]
    trades, _ = await service.read.trades(account.user_id, account.id, None, 10)
    assert [each.tag for each in trades] == ["auto_square_off", None]
    notes = await service.read.contract_notes(account.user_id, account.id, None)
    assert notes[0].lines["auto_square_off"] == Decimal("50.00")
    await service.check(account)


async def test_cotton_is_squared_off_before_its_own_close(service: Any) -> None:
    """It closes at 21:00, hours before its exchange does."""
    account = await service.open("1000000.00")
    await trade(service, account, "buy", 25, "31000", COTTON, "mis")
    service.market.now_ = at("2026-11-20T20:34:00")
    service.tick("31010", COTTON)
    await twice(service)
    trades, _ = await service.read.trades(account.user_id, account.id, None, 10)
    assert len(trades) == 1
    service.market.now_ = at("2026-11-20T20:35:05")
    service.tick("31010", COTTON)
    await twice(service)
    service.tick("31010", COTTON)
    await twice(service)
    positions = await service.read.positions(account.user_id, account.id)
    assert [each.quantity for each in positions] == ["0"]
    await service.check(account)


async def test_an_intraday_position_that_slept_over_night_is_closed_at_the_last_price(service: Any) -> None:
    account = await service.open("100000.00")
    await trade(service, account, "buy", 10, "100", "NSE:A", "mis")
    service.tick("103", "NSE:A")
    await service.housekeeping.run()
    service.market.now_ = at("2026-11-22T12:00:00")  # Sunday
    await twice(service)
    balances = await service.balances(account)
    assert balances["cash"] == Decimal("100030.00")
    assert "margin" not in balances
    trades, _ = await service.read.trades(account.user_id, account.id, None, 10)
    assert len(trades) == 2
    await service.check(account)


async def test_a_future_is_marked_to_the_close_once_a_day(service: Any) -> None:
    account = await service.open("2000000.00")
    await trade(service, account, "buy", 65, "26000", FUTURE, "nrml")
    service.tick("26100", FUTURE)
    await service.housekeeping.run()
    assert "realised" not in await service.balances(account)
    service.market.now_ = at("2026-11-20T15:45:00")
    await twice(service)
    assert (await service.balances(account))["realised"] == Decimal("-6500.00")
    positions = await service.read.positions(account.user_id, account.id)
    assert positions[0].average_price == "26100"
    service.market.now_ = at("2026-11-21T12:00:00")
    await twice(service)
    assert (await service.balances(account))["realised"] == Decimal("-6500.00")
    service.market.now_ = at("2026-11-23T10:00:00")
    service.tick("26000", FUTURE)
    await trade(service, account, "sell", 65, "26000", FUTURE, "nrml")
    balances = await service.balances(account)
    assert balances.get("realised", Decimal(0)) == 0
    assert "margin" not in balances
    await service.check(account)


async def test_an_expired_option_is_settled_at_its_worth(service: Any) -> None:
    account = await service.open("2000000.00", plan="icici_prime_299")
    await trade(service, account, "buy", 65, "100", CALL, "nrml")
    paid = (await service.balances(account))["positions"]
    assert paid == Decimal("6500.00")
    service.market.now_ = at("2026-11-24T15:20:00")
    service.market.prices["NSE_INDEX:NIFTY"] = LastPrice(Decimal("26150"), service.market.now_)
    service.tick("26150", "NSE_INDEX:NIFTY")
    await service.housekeeping.run()
    service.market.now_ = at("2026-11-24T15:50:00")
    await twice(service)
    positions = await service.read.positions(account.user_id, account.id)
    assert positions[0].quantity == "0"
    assert positions[0].realised == "3250.00"  # worth 150, paid 100
    assert "positions" not in await service.balances(account)
    expiry = (await service.read.contract_notes(account.user_id, account.id, None))[0]
    # The tax on the exercise: 0.15 % of 9750, to the rupee; nothing else.
    assert {charge.value: value for charge, value in expiry.lines.items() if value} == {"stt": Decimal("15.00")}
    await service.check(account)


async def test_the_equity_curve_gets_a_point_every_five_minutes(service: Any) -> None:
    account = await service.open("100000.00")
    await trade(service, account, "buy", 10, "100", "NSE:A", "cnc")
    service.tick("105", "NSE:A")
    for _ in range(3):
        await service.housekeeping.run()
        service.market.now_ += timedelta(minutes=5)
    async with service.work() as work:
        points = await work.equity_points(account.id, datetime(2026, 1, 1, tzinfo=UTC))
    assert [each.equity for each in points] == [Decimal("100050.00")] * 3
    assert {each.flow for each in points} == {Decimal("100000.00")}


async def test_an_option_on_a_share_is_settled_by_delivery_at_its_strike(service: Any) -> None:
    account = await service.open("2000000.00", plan="icici_prime_299")
    await trade(service, account, "buy", 50, "8", "NFO:A24NOV26100CE", "nrml")
    before = (await service.balances(account))["cash"]
    service.market.now_ = at("2026-11-24T15:20:00")
    service.tick("112", "NSE:A")
    await service.housekeeping.run()
    service.market.now_ = at("2026-11-24T15:50:00")
    await twice(service)
    positions = await service.read.positions(account.user_id, account.id)
    assert (positions[0].quantity, positions[0].realised) == ("0", "200.00")  # worth 12, paid 8
    holding = (await service.read.holdings(account.user_id, account.id))[0]
    assert (holding.held.symbol, holding.t1, holding.held.position.cost) == ("NSE:A", 50, Decimal(5600))
    note = (await service.read.contract_notes(account.user_id, account.id, None))[0]
    # The strike is paid for 50 shares, and the brokerage and taxes of a delivery; no tax on an exercise.
    assert (await service.balances(account))["cash"] == before - Decimal("5000.00") - note.charges
    assert note.lines["stt"] == Decimal("6.00")  # 0.1 % of 5600, to the rupee
    assert [leg.trade.kind.value for leg in note.legs] == ["physical"]
    await service.check(account)


async def test_who_cannot_deliver_is_closed_out_in_cash(service: Any) -> None:
    account = await service.open("2000000.00")
    await trade(service, account, "buy", 20, "100", "NSE:A", "cnc")
    await trade(service, account, "sell", 50, "110", "NFO:A24NOV26FUT", "nrml")
    service.market.now_ = at("2026-11-24T15:20:00")
    service.tick("112", "NSE:A")
    await service.housekeeping.run()
    service.market.now_ = at("2026-11-24T15:50:00")
    await twice(service)
    assert await service.read.holdings(account.user_id, account.id) == []  # the twenty it had are delivered
    balances = await service.balances(account)
    assert "margin" not in balances
    # The future lost 2 a unit, the shares gained 12.
    assert balances["realised"] == -(Decimal(-2 * 50) + Decimal(12 * 20))
    await service.check(account)
