"""Order groups: exits arm on fills, close a position exactly once, and survive whoever dies in between."""

import asyncio
from decimal import Decimal
from typing import Any

import pytest

from breezeway.clock import SystemClock
from breezeway.errors import BreezewayError, Conflict, InvalidInput, NotFound
from breezeway.exchange.orders import OrderState, OrderType, Product, Side
from breezeway.ids import new_id
from trading_service.adapters.db.gtts import PostgresGtts
from trading_service.application.groups import GroupRequest, OrderGroups
from trading_service.application.requests import OrderRequest
from trading_service.domain.groups import GroupKind, GroupState


@pytest.fixture
def groups(service: Any) -> OrderGroups:
    return OrderGroups(lambda: PostgresGtts(service.engine), service.place, service.cancel, SystemClock())


def asked(account: Any, side: str, quantity: int, price: str, trigger: str | None = None) -> OrderRequest:
    return OrderRequest(
        account_id=account.id,
        symbol="NSE:A",
        side=Side(side),
        quantity=quantity,
        order_type=OrderType.LIMIT if trigger is None else OrderType.SL,
        product=Product.CNC,
        price=Decimal(price),
        trigger_price=None if trigger is None else Decimal(trigger),
    )


def bracket(account: Any, quantity: int = 10) -> GroupRequest:
    orders = [
        ("entry", asked(account, "buy", quantity, "100")),
        ("target", asked(account, "sell", quantity, "110")),
        ("stop", asked(account, "sell", quantity, "94", "95")),
    ]
    return GroupRequest(account.id, GroupKind.BRACKET, orders)


def seen(service: Any) -> Any:
    return lambda symbol: service.market.prices[symbol].price if symbol in service.market.prices else None


async def keep(service: Any, groups: OrderGroups) -> None:
    await groups.keep(seen(service))
    await service.settle_in()


async def entered(service: Any, groups: OrderGroups, account: Any, quantity: int = 10) -> Any:
    """A bracket whose entry has filled and whose exits work."""
    service.tick("100", spread="0")
    made = await groups.add(account.user_id, bracket(account, quantity))
    await service.settle_in()
    service.tick("100", spread="0")
    await service.settle_in()
    for _ in range(2):
        await keep(service, groups)
    found = await groups.one(account.user_id, made.group.id)
    assert found.group.state is GroupState.WORKING
    assert [each.group_role for each in found.orders] == ["entry", "target", "stop"]
    return found


async def test_a_bracket_arms_its_exits_and_the_target_takes_the_stop_with_it(
    service: Any, groups: OrderGroups
) -> None:
    account = await service.open()
    found = await entered(service, groups, account)
    service.tick("100")
    service.tick("110.05", spread="0")
    service.tick("111", spread="0")
    await service.settle_in()
    await keep(service, groups)
    done = await groups.one(account.user_id, found.group.id)
    assert [each.state for each in done.orders] == [OrderState.FILLED, OrderState.FILLED, OrderState.CANCELLED]
    assert done.orders[2].code == "oco"
    assert done.group.state is GroupState.DONE
    assert await service.read.holdings(account.user_id, account.id) == []
    await service.check(account)


async def test_the_stop_takes_the_target_with_it(service: Any, groups: OrderGroups) -> None:
    account = await service.open()
    found = await entered(service, groups, account)
    service.tick("100")
    service.tick("94.80", spread="0")
    service.tick("94.80", spread="0")
    await service.settle_in()
    done = await groups.one(account.user_id, found.group.id)
    assert [each.state for each in done.orders] == [OrderState.FILLED, OrderState.CANCELLED, OrderState.FILLED]
    await service.check(account)


async def test_a_part_that_one_exit_fills_is_taken_off_the_other(service: Any, groups: OrderGroups) -> None:
    account = await service.open()
    found = await entered(service, groups, account, quantity=1000)
    service.tick("100", quantity=10)
    service.tick("110.05", quantity=300, spread="0.10")
    await service.settle_in()
    partly = await groups.one(account.user_id, found.group.id)
    target, stop = partly.orders[1:]
    assert target.state is OrderState.PARTIALLY_FILLED
    assert stop.order.quantity == 1000 - target.filled
    await service.check(account)
    service.tick("94.80", quantity=10_000, spread="0")
    for _ in range(4):
        service.tick("94.80", quantity=10_000, spread="0")
    await service.settle_in()
    assert await service.read.holdings(account.user_id, account.id) == []
    await service.check(account)


async def test_exits_are_placed_once_although_the_keeper_dies_before_it_notes_it(
    service: Any, groups: OrderGroups, monkeypatch: pytest.MonkeyPatch
) -> None:
    account = await service.open()
    service.tick("100", spread="0")
    made = await groups.add(account.user_id, bracket(account))
    await service.settle_in()
    service.tick("100", spread="0")
    await service.settle_in()

    async def dies(*_args: object) -> None:
        raise ConnectionError

    with monkeypatch.context() as broken:
        broken.setattr(groups, "_move", dies)
        with pytest.raises(ConnectionError):
            await groups.keep(seen(service))
    await keep(service, groups)
    found = await groups.one(account.user_id, made.group.id)
    assert (found.group.state, len(found.orders)) == (GroupState.WORKING, 3)
    await service.check(account)


async def test_an_entry_that_was_cancelled_arms_nothing(service: Any, groups: OrderGroups) -> None:
    account = await service.open()
    service.tick("105")
    made = await groups.add(account.user_id, bracket(account))
    await service.settle_in()
    await service.cancel(account.user_id, made.orders[0].id)
    await service.settle_in()
    await keep(service, groups)
    found = await groups.one(account.user_id, made.group.id)
    assert (found.group.state, len(found.orders)) == (GroupState.DONE, 1)


async def test_a_trigger_waits_for_its_price_and_fires_once(service: Any, groups: OrderGroups) -> None:
    account = await service.open()
    service.tick("100")
    trigger = {"symbol": "NSE:A", "price": "98", "above": False}
    request = GroupRequest(account.id, GroupKind.GTT, [("leg", asked(account, "buy", 5, "98"))], trigger)
    made = await groups.add(account.user_id, request)
    assert await groups.keep(seen(service)) == {(account.user_id, "NSE:A")}
    assert (await groups.one(account.user_id, made.group.id)).orders == ()
    service.tick("97.50")
    for _ in range(3):
        await keep(service, groups)
    found = await groups.one(account.user_id, made.group.id)
    assert len(found.orders) == 1
    service.tick("97.50")
    await service.settle_in()
    await keep(service, groups)
    assert (await groups.one(account.user_id, made.group.id)).group.state is GroupState.DONE
    await service.check(account)


async def test_a_basket_is_placed_whole_or_not_at_all(service: Any, groups: OrderGroups) -> None:
    account = await service.open("1000.00")
    service.tick("100")
    legs = [("leg", asked(account, "buy", quantity, "90")) for quantity in (5, 5, 5)]
    with pytest.raises(Conflict) as refused:
        await groups.add(account.user_id, GroupRequest(account.id, GroupKind.BASKET, legs))
    assert refused.value.code == "insufficient_funds"
    await service.settle_in()
    async with service.work() as work:
        assert await work.working_orders(account.id) == []
    assert (await service.balances(account))["cash"] == Decimal("1000.00")
    good = await groups.add(account.user_id, GroupRequest(account.id, GroupKind.BASKET, legs[:2]))
    assert len(good.orders) == 2
    await service.check(account)


async def test_one_key_places_one_group(service: Any, groups: OrderGroups) -> None:
    """Whoever did not hear the answer sends the same again, at once or later, and gets the same group."""
    account = await service.open()
    service.tick("100")
    legs = [("leg", asked(account, "buy", quantity, "90")) for quantity in (5, 6)]
    basket = GroupRequest(account.id, GroupKind.BASKET, legs)
    made = await asyncio.gather(*(groups.add(account.user_id, basket, "k1") for _ in range(10)))
    again = await groups.add(account.user_id, basket, "k1")
    assert {each.group.id for each in made} == {again.group.id}
    assert [each.order.quantity for each in again.orders] == [5, 6]
    with pytest.raises(InvalidInput) as other:
        await groups.add(account.user_id, GroupRequest(account.id, GroupKind.BASKET, legs[:1]), "k1")
    assert other.value.code == "idempotency_key_reused"
    await groups.cancel(account.user_id, again.group.id)
    await service.settle_in()
    ended = await groups.add(account.user_id, basket, "k1")
    assert (ended.group.id, len(ended.orders)) == (again.group.id, 2)
    assert (await groups.add(account.user_id, basket, "k2")).group.id != again.group.id
    await service.check(account)


async def test_a_key_whose_group_was_refused_is_free(service: Any, groups: OrderGroups) -> None:
    account = await service.open("1000.00")
    service.tick("100")
    other = await service.order(account, quantity=5, price="95")
    basket = GroupRequest(account.id, GroupKind.BASKET, [("leg", asked(account, "buy", 10, "95"))])
    with pytest.raises(Conflict):
        await groups.add(account.user_id, basket, "k1")
    await service.cancel(account.user_id, other.id)
    await service.settle_in()
    assert len((await groups.add(account.user_id, basket, "k1")).orders) == 1
    await service.check(account)


async def test_what_died_half_way_is_completed_under_its_key(
    service: Any, groups: OrderGroups, monkeypatch: pytest.MonkeyPatch
) -> None:
    account = await service.open()
    service.tick("100")
    legs = [("leg", asked(account, "buy", quantity, "90")) for quantity in (5, 6, 7)]
    basket = GroupRequest(account.id, GroupKind.BASKET, legs)

    class Died(BaseException):
        """The process has."""

    async def place_and_die(user_id: Any, request: OrderRequest) -> None:
        if request.quantity == 6:
            raise Died
        await service.place(user_id, request)

    with monkeypatch.context() as patch:
        patch.setattr(groups, "_place", place_and_die)
        with pytest.raises(Died):
            await groups.add(account.user_id, basket, "k1")
    completed = await groups.add(account.user_id, basket, "k1")
    assert [each.order.quantity for each in completed.orders] == [5, 6, 7]
    assert (await groups.add(account.user_id, basket, "k1")).orders == completed.orders
    await service.check(account)


async def test_a_group_is_cancelled_whole(service: Any, groups: OrderGroups) -> None:
    account = await service.open()
    found = await entered(service, groups, account)
    await groups.cancel(account.user_id, found.group.id)
    await service.settle_in()
    ended = await groups.one(account.user_id, found.group.id)
    assert [each.state for each in ended.orders[1:]] == [OrderState.CANCELLED] * 2
    with pytest.raises(Conflict):
        await groups.cancel(account.user_id, found.group.id)
    with pytest.raises(NotFound):
        await groups.one(new_id(), found.group.id)
    await service.check(account)


async def test_what_makes_no_group(service: Any, groups: OrderGroups) -> None:
    account = await service.open()
    buy, sell = asked(account, "buy", 10, "100"), asked(account, "sell", 10, "110")
    for kind, orders in (
        (GroupKind.OCO, [("target", sell)]),
        (GroupKind.OCO, [("target", sell), ("stop", asked(account, "sell", 9, "94", "95"))]),
        (GroupKind.BRACKET, [("target", sell), ("stop", sell)]),
        (GroupKind.BRACKET, [("entry", sell), ("target", sell), ("stop", sell)]),
        (GroupKind.GTT, [("leg", buy)]),
        (GroupKind.BASKET, [("entry", buy)]),
        (GroupKind.BASKET, []),
    ):
        with pytest.raises(InvalidInput):
            await groups.add(account.user_id, GroupRequest(account.id, kind, orders))
    with pytest.raises(BreezewayError):
        await groups.add(new_id(), GroupRequest(account.id, GroupKind.BASKET, [("leg", buy)]))
