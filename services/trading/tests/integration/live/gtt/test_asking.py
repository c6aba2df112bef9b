"""Live GTT: what users may ask, change and take back."""

import asyncio
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest

from breezeway.errors import (
    BreezewayError,
    Conflict,
    InvalidInput,
    NotFound,
)
from breezeway.exchange.checks import AccountState
from breezeway.exchange.orders import OrderType, Product
from trading_service.application.accounts import TradingAccounts
from trading_service.application.groups import GroupRequest
from trading_service.application.requests import OrderRequest
from trading_service.domain.groups import GroupKind
from trading_service.domain.gtt import Leg

CALL = "NFO:NIFTY24NOV2626000CE"
LOT = 65


async def test_our_own_trigger_leaves_it_alone(gtts: Any) -> None:
    """What keeps groups on paper would otherwise place the order a second time."""
    group = await gtts.single()
    await gtts.round()
    watched = await gtts.groups.keep(lambda _symbol: Decimal(1))
    assert watched == set()
    assert (await gtts.of(group)).orders == ()
    assert gtts.live.broker.calls == []


async def test_changed_terms_hold_when_the_book_shows_them(gtts: Any) -> None:
    group = await gtts.pair()
    await gtts.round()
    status = await gtts.groups.modify(gtts.live.user, group, {"stop": (Decimal(96), Decimal(95))})
    assert status.gtt is not None
    assert status.gtt.legs[1].trigger == Decimal(95)
    with pytest.raises(Conflict) as busy:
        await gtts.groups.modify(gtts.live.user, group, {"stop": (None, Decimal(93))})
    assert busy.value.code == "gtt_busy"
    await gtts.pass_time(2)
    assert await gtts.said(group) == ("waiting", "active", "modified")
    gtt = (await gtts.of(group)).gtt
    assert gtt is not None
    assert {leg.role: (leg.trigger, leg.limit) for leg in gtt.legs} == {
        "target": (Decimal(110), Decimal(110)),
        "stop": (Decimal(96), Decimal(95)),
    }


@pytest.mark.parametrize("kind", ["modify", "cancel"])
async def test_a_confirmed_change_without_effect_is_told(gtts: Any, kind: str) -> None:
    group = await gtts.single()
    await gtts.round()
    gtts.broker.ignores = True
    if kind == "modify":
        await gtts.groups.modify(gtts.live.user, group, {"leg": (Decimal(80), Decimal(79))})
    else:
        await gtts.groups.cancel(gtts.live.user, group)
    await gtts.pass_time(60)
    assert await gtts.said(group) == ("waiting", "active", "no_effect")
    assert [each for each, _ in gtts.broker.calls].count(kind) == 1


async def test_cancelled_before_it_was_sent_it_never_leaves(gtts: Any) -> None:
    group = await gtts.single()
    await gtts.groups.cancel(gtts.live.user, group)
    await gtts.pass_time(3)
    assert await gtts.said(group) == ("cancelled", "cancelled", "cancelled")
    assert gtts.broker.calls == []
    with pytest.raises(Conflict, match="already"):
        await gtts.groups.cancel(gtts.live.user, group)


async def test_a_cancellation_waits_for_what_is_in_doubt(gtts: Any, unknown: BreezewayError) -> None:
    gtts.broker.after = unknown
    group = await gtts.single()
    await gtts.round()
    for _ in range(2):
        await gtts.groups.cancel(gtts.live.user, group)
    await gtts.pass_time(5)
    assert await gtts.said(group) == ("cancelled", "cancelled", "cancelled")
    assert [kind for kind, _ in gtts.broker.calls] == ["place", "cancel"]


async def test_a_change_that_was_not_sent_gives_way_to_a_cancellation(gtts: Any) -> None:
    group = await gtts.single()
    await gtts.round()
    await gtts.groups.modify(gtts.live.user, group, {"leg": (Decimal(80), Decimal(79))})
    await gtts.groups.cancel(gtts.live.user, group)
    await gtts.pass_time(3)
    assert (await gtts.said(group))[1] == "cancelled"
    assert [kind for kind, _ in gtts.broker.calls] == ["place", "cancel"]


async def test_a_reached_leg_beats_a_cancellation(gtts: Any) -> None:
    """The broker confirms the cancellation, but its book says that the leg was reached before."""
    group = await gtts.single()
    await gtts.round()
    number = await gtts.number(group)
    await gtts.groups.cancel(gtts.live.user, group)
    gtts.broker.ignores = True
    at_broker = gtts.broker.reach(number, "leg")
    await gtts.pass_time(5)
    found = await gtts.of(group)
    assert found.group.state == "working"
    assert await gtts.live.number(found.orders[0].id) == at_broker


async def test_terms_changed_at_the_broker_are_ours(gtts: Any) -> None:
    group = await gtts.single()
    await gtts.round()
    gtts.broker.say(await gtts.number(group), legs=(Leg("leg", Decimal(85), Decimal(84), "active"),))
    await gtts.pass_time(35)
    found = (await gtts.of(group)).gtt
    assert found is not None
    assert (found.legs[0].trigger, found.history[-1].code) == (Decimal(85), "modified")


async def test_halting_takes_everything_back(gtts: Any) -> None:
    """The kill switch: what waits at the broker is cancelled, what was not sent is not."""
    kept = await gtts.single()
    await gtts.round()
    unsent = await gtts.single()
    accounts = TradingAccounts(
        gtts.live.service.work, gtts.live.service.market, gtts.live.service.market, gtts.live.cancel
    )
    await accounts.change_state(gtts.live.user, gtts.live.account.id, AccountState.HALTED)
    await gtts.pass_time(4)
    assert await gtts.said(kept) == ("cancelled", "cancelled", "cancelled")
    assert await gtts.said(unsent) == ("failed", "rejected", "account_halted")
    assert [kind for kind, _ in gtts.broker.calls] == ["place", "cancel"]
    with pytest.raises(Conflict) as halted:
        await gtts.single()
    assert halted.value.code == "account_halted"


async def test_one_key_keeps_one_gtt_at_the_broker(gtts: Any) -> None:
    """Whoever did not hear the answer sends the same again, and nothing waits at the broker twice."""
    trigger = {"symbol": CALL, "price": "90", "above": False}
    request = GroupRequest(gtts.live.account.id, GroupKind.GTT, [("leg", gtts.order("buy", "89"))], trigger)
    made = await asyncio.gather(*(gtts.groups.add(gtts.live.user, request, "k1") for _ in range(5)))
    await gtts.round()
    again = await gtts.groups.add(gtts.live.user, request, "k1")
    assert {each.group.id for each in made} == {again.group.id}
    assert [kind for kind, _ in gtts.broker.calls] == ["place"]
    other = GroupRequest(gtts.live.account.id, GroupKind.GTT, [("leg", gtts.order("buy", "88"))], trigger)
    with pytest.raises(InvalidInput) as reused:
        await gtts.groups.add(gtts.live.user, other, "k1")
    assert reused.value.code == "idempotency_key_reused"


async def test_an_account_is_not_closed_over_a_gtt(gtts: Any) -> None:
    group = await gtts.single()
    market = gtts.live.service.market
    accounts = TradingAccounts(gtts.live.service.work, market, market, gtts.live.cancel)
    with pytest.raises(Conflict) as working:
        await accounts.close(gtts.live.user, gtts.live.account.id)
    assert working.value.code == "orders_working"
    await gtts.groups.cancel(gtts.live.user, group)
    await accounts.close(gtts.live.user, gtts.live.account.id)


async def test_what_the_broker_cannot_keep_is_refused(gtts: Any) -> None:
    """Each under a code, and nothing is stored or sent."""

    async def refused(orders: list[tuple[str, OrderRequest]], trigger: Any = None) -> str:
        with pytest.raises((InvalidInput, Conflict)) as error:
            await gtts.groups.add(gtts.live.user, GroupRequest(gtts.live.account.id, GroupKind.GTT, orders, trigger))
        return error.value.code

    order, below = gtts.order, {"symbol": CALL, "price": "90", "above": False}
    stop = ("stop", order("sell", "94", OrderType.SL, Decimal(95)))
    target = ("target", order("sell", "110"))
    later = ("not_for_live_accounts", "invalid_group", "tick_size", "lot_size", "trigger_side", "stop_limit_side")
    assert [
        await refused([("leg", order("buy", "89", product=Product.MIS))], below),
        await refused([("leg", order("buy", "89"))], below | {"symbol": "NSE:A"}),
        await refused([("leg", order("buy", "89"))], below | {"price": "90.01"}),
        await refused([("leg", order("buy", "89", quantity=10))], below),
        await refused([("leg", order("buy", "89"))], below | {"price": "101"}),
        await refused([target, ("stop", order("sell", "96", OrderType.SL, Decimal(95)))]),
    ] == list(later)
    assert await refused([("leg", order("buy", "89", OrderType.SL, Decimal(88)))], below) == "not_for_live_accounts"
    assert await refused([("leg", order("buy", "89", disclosed_quantity=13))], below) == "not_for_live_accounts"
    assert await refused([target, stop], below) == "invalid_group"
    assert await refused([("target", order("sell", "99")), stop]) == "trigger_side"
    assert await refused([target, ("stop", order("sell", "94"))]) == "not_for_live_accounts"
    assert await refused([("leg", order("buy", "1600"))], below) == "live_order_value"
    gtts.live.service.market.prices.clear()
    assert await refused([target, stop]) == "stale_price"
    assert await refused([("leg", order("buy", "89", symbol="NSE:A", product=Product.CNC))], below) == (
        "not_for_live_accounts"
    )
    page, _ = await gtts.groups.of(gtts.live.user, None, 10)
    assert page == []


async def test_changes_are_checked_like_new_ones(gtts: Any) -> None:
    group = await gtts.pair()
    await gtts.round()

    async def refused(**legs: tuple[Decimal | None, Decimal]) -> str:
        with pytest.raises(InvalidInput) as error:
            await gtts.groups.modify(gtts.live.user, group, legs)
        return error.value.code

    assert await refused(leg=(None, Decimal(1))) == "invalid_group"
    assert await refused(target=(Decimal(111), Decimal(112))) == "invalid_group"
    assert await refused(target=(None, Decimal(90))) == "trigger_side"
    assert await refused(stop=(None, Decimal("93.99"))) == "tick_size"
    with pytest.raises(NotFound):
        await gtts.groups.modify(UUID(int=5), group, {"target": (None, Decimal(112))})
    with pytest.raises(NotFound):
        await gtts.live.gtts.cancel(UUID(int=5), group)
    await gtts.groups.cancel(gtts.live.user, group)
    await gtts.pass_time(2)
    with pytest.raises(Conflict) as ended:
        await gtts.groups.modify(gtts.live.user, group, {"target": (None, Decimal(112))})
    assert ended.value.code == "group_ended"
