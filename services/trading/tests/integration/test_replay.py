"""A past day rehearsed on its own clock: its charges, its hours, its settlement."""

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest

from breezeway.clock import IST, SystemClock
from breezeway.exchange.orders import OrderState, OrderType, Product, Side
from trading_service.adapters.db.gtts import PostgresGtts
from trading_service.application.groups import GroupRequest, OrderGroups
from trading_service.application.requests import OrderRequest
from trading_service.domain.groups import GroupKind, GroupState

SHARE, CALL = "NSE:A", "NFO:NIFTY24NOV2626000CE"


def at(day: date, clock: str) -> datetime:
    return datetime.fromisoformat(f"{day}T{clock}").replace(tzinfo=IST).astimezone(UTC)


async def filled(service: Any, account: Any, side: str, quantity: int, price: str, symbol: str, product: str) -> None:
    service.tick(price, symbol, spread="0")
    order = await service.order(account, side, quantity, price, symbol, product)
    await service.settle_in()
    service.tick(price, symbol, spread="0")
    await service.settle_in()
    assert (await service.stored(order.id)).state is OrderState.FILLED


async def housekeep(service: Any, price: str) -> None:
    """What the worker does in a few seconds, a tick included."""
    for _ in range(3):
        await service.housekeeping.run()
        await service.settle_in()
        service.tick(price, spread="0")
        await service.settle_in()


# The note of the day: an option sold for 6,500, shares bought and sold intraday for 10,000 and 10,200, and bought for
# delivery for 1,050. Tax is the sum of 0.1 % or 0.15 % of 6,500, 0.025 % of 10,200 and 0.1 % of 1,050, in whole rupees;
# the transaction charge 0.03503 % or 0.03553 % of 6,500 and 0.00297 % or 0.00307 % of 21,250, before 2026-03-01 with
# 0.0005 % of 6,500 and 0.0001 % of 21,250 for the investors' protection fund.
@pytest.mark.parametrize(
    ("day", "tax", "transaction", "fund", "next_day", "settles"),
    [
        (date(2026, 2, 27), "10", "2.91", "0.05", date(2026, 3, 2), date(2026, 3, 2)),
        # The 31st is a holiday; on 1 April banks close their books, so that day trades and does not settle.
        (date(2026, 3, 30), "10", "2.96", "0", date(2026, 4, 1), date(2026, 4, 2)),
        (date(2026, 4, 1), "13", "2.96", "0", date(2026, 4, 2), date(2026, 4, 2)),
    ],
    ids=["before the new charge", "before the new tax", "after both"],
)
async def test_a_past_day_from_its_open_to_its_settlement(
    service: Any, day: date, tax: str, transaction: str, fund: str, next_day: date, settles: date
) -> None:
    groups = OrderGroups(lambda: PostgresGtts(service.engine), service.place, service.cancel, SystemClock())
    service.market.now_ = at(day, "09:16:00")
    service.tick("100")
    account = await service.open("1000000.00", plan="icici_neo")
    waiting = OrderRequest(
        account_id=account.id,
        symbol=SHARE,
        side=Side.BUY,
        quantity=10,
        order_type=OrderType.LIMIT,
        product=Product.CNC,
        price=Decimal(106),
    )
    trigger = {"symbol": SHARE, "price": "105", "above": True}
    gtt = await groups.add(account.user_id, GroupRequest(account.id, GroupKind.GTT, [("leg", waiting)], trigger))
    await filled(service, account, "buy", 100, "100", SHARE, "mis")
    await filled(service, account, "sell", 65, "100", CALL, "nrml")

    async def keep() -> None:
        await groups.keep(lambda symbol: service.market.prices[symbol].price)
        await service.settle_in()

    service.market.now_ = at(day, "11:00:00")
    service.tick("104.95", spread="0")
    await keep()
    assert (await groups.one(account.user_id, gtt.group.id)).group.state is GroupState.WAITING
    service.tick("105", spread="0")
    await keep()
    service.tick("105", spread="0")
    await service.settle_in()
    (leg,) = (await groups.one(account.user_id, gtt.group.id)).orders
    assert leg.state is OrderState.FILLED

    service.market.now_ = at(day, "15:04:00")
    await housekeep(service, "102")
    assert [each.quantity for each in await service.read.positions(account.user_id, account.id)] == ["-65", "100"]
    service.market.now_ = at(day, "15:05:01")
    await housekeep(service, "102")
    assert [each.quantity for each in await service.read.positions(account.user_id, account.id)] == ["-65", "0"]

    (note,) = await service.read.contract_notes(account.user_id, account.id, None)
    assert note.day == day
    lines = {charge.value: amount for charge, amount in note.lines.items()}
    assert lines["stt"] == Decimal(tax)
    assert lines["transaction"] == Decimal(transaction)
    assert lines.get("ipft", Decimal(0)) == Decimal(fund)
    balances = await service.balances(account)
    assert sum(v for name, v in balances.items() if name.startswith("charge:")) == note.charges
    trades, _ = await service.read.trades(account.user_id, account.id, None, 10)
    assert {each.at.astimezone(IST).date() for each in trades} == {day}
    # The premium of 6,500 and the profit of 200 are paid on the settlement day.
    assert balances["unsettled"] == Decimal("6700.00")
    service.market.now_ = at(next_day, "09:30:00")
    await housekeep(service, "102")
    assert ("unsettled" in await service.balances(account)) == (settles > next_day)
    service.market.now_ = at(settles, "09:40:00")
    await housekeep(service, "102")
    assert "unsettled" not in await service.balances(account)
    await service.check(account)
