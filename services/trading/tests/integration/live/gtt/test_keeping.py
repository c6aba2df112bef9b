"""Live GTT: sent once, followed in the broker's book, and what a reached leg becomes."""

import asyncio
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from breezeway.errors import (
    BreezewayError,
    Conflict,
    InvalidInput,
    Unauthenticated,
    UpstreamUnavailable,
)
from breezeway.exchange.checks import AccountState
from breezeway.exchange.orders import Side
from breezeway.testing.eventually import eventually
from trading_service.adapters.db.gtts import PostgresGtts
from trading_service.application.gtt_following import GttRules
from trading_service.application.live_ports import STEPS

CALL = "NFO:NIFTY24NOV2626000CE"
LOT = 65


async def test_a_single_is_kept_by_the_broker_and_its_order_becomes_ours(gtts: Any) -> None:
    """From the wish to the position; the broker's own order bears no tag of ours."""
    group = await gtts.single()
    assert await gtts.said(group) == ("waiting", "new", "received")
    assert gtts.broker.calls == []
    await gtts.round()
    assert await gtts.said(group) == ("waiting", "active", "accepted")
    number = await gtts.number(group)
    (leg,) = gtts.broker.rows[number].legs
    assert (leg.role, leg.trigger, leg.limit) == ("leg", Decimal(90), Decimal(89))
    await gtts.pass_time(3)
    at_broker = gtts.broker.reach(number, "leg")
    await gtts.pass_time(35)
    found = await gtts.of(group)
    assert (found.group.state, found.gtt.status if found.gtt else None) == ("working", "triggered")
    (order,) = found.orders
    assert (order.state, order.order.price, order.order.quantity, order.group_role) == ("open", Decimal(89), LOT, "leg")
    assert await gtts.live.number(order.id) == at_broker
    await gtts.live.tell(at_broker, "executed", LOT, "88.50", LOT)
    async with gtts.live.work() as work:
        position = await work.position(gtts.live.account.id, CALL, "nrml")
    assert position.quantity == LOT
    await gtts.groups.keep(lambda _symbol: None)
    assert (await gtts.of(group)).group.state == "done"
    assert gtts.broker.calls == [("place", number)]
    assert gtts.live.broker.calls == []


async def test_of_two_the_reached_one_becomes_an_order(gtts: Any) -> None:
    """And a remark that the broker makes up does not hide its order."""
    group = await gtts.pair()
    await gtts.round()
    number = await gtts.number(group)
    assert {leg.role: (leg.trigger, leg.limit) for leg in gtts.broker.rows[number].legs} == {
        "target": (Decimal(110), Decimal(110)),
        "stop": (Decimal(95), Decimal(94)),
    }
    at_broker = gtts.broker.reach(number, "stop", remark=number)
    await gtts.pass_time(35)
    (order,) = (await gtts.of(group)).orders
    assert (order.group_role, order.order.side, order.order.price) == ("stop", Side.SELL, Decimal(94))
    assert await gtts.live.number(order.id) == at_broker
    await gtts.pass_time(60)
    assert len((await gtts.of(group)).orders) == 1


async def test_an_order_that_the_broker_could_not_place_is_rejected_here(gtts: Any) -> None:
    group = await gtts.single()
    await gtts.round()
    number = await gtts.number(group)
    del gtts.live.broker.rows[gtts.broker.reach(number, "leg")]
    await gtts.pass_time(90)
    (order,) = (await gtts.of(group)).orders
    assert (order.state, order.code) == ("rejected", "never_arrived")
    assert gtts.live.broker.calls == []


@pytest.mark.parametrize("arrived", [True, False])
async def test_l_13_an_unanswered_gtt_is_looked_for_and_never_sent_again(
    gtts: Any, unknown: BreezewayError, arrived: bool
) -> None:
    """L-13: the call times out after, or before, the broker has it; only its book decides."""
    if arrived:
        gtts.broker.after = unknown
    else:
        gtts.broker.before = unknown
    group = await gtts.single()
    await gtts.round()
    assert await gtts.said(group) == ("waiting", "unknown", "outcome_unknown")
    await gtts.pass_time(60)
    wanted = ("waiting", "active", "accepted") if arrived else ("failed", "rejected", "never_arrived")
    assert await gtts.said(group) == wanted
    assert gtts.broker.placed() == 1


async def test_two_alike_are_told_apart_by_number(gtts: Any, unknown: BreezewayError) -> None:
    """Both unanswered: the book's two rows are theirs, one each."""
    groups = []
    for _ in range(2):
        gtts.broker.after = unknown
        groups.append(await gtts.single())
        await gtts.round()
    await gtts.pass_time(5)
    numbers = {await gtts.number(group) for group in groups}
    assert numbers == set(gtts.broker.rows)
    assert len(numbers) == 2


async def test_more_than_were_sent_is_for_a_person(gtts: Any, unknown: BreezewayError) -> None:
    gtts.broker.after = unknown
    group = await gtts.single()
    await gtts.round()
    (number,) = gtts.broker.rows
    gtts.broker.rows["TWIN"] = replace(gtts.broker.rows[number], gtt_id="TWIN")
    await gtts.pass_time(90)
    assert await gtts.said(group) == ("waiting", "unknown", "ambiguous_gtt")
    found = await gtts.of(group)
    assert found.gtt is not None
    assert [each.code for each in found.gtt.history].count("ambiguous_gtt") == 1
    assert "TWIN" in found.gtt.history[-1].text
    async with gtts.live.work() as work:
        account = await work.lock_account(gtts.live.account.id)
    assert account is not None
    assert account.state is AccountState.HALTED
    await gtts.groups.cancel(gtts.live.user, group)
    assert await gtts.said(group) == ("cancelled", "cancelled", "given_up")
    await gtts.pass_time(3)
    assert gtts.broker.calls == [("place", number)]


@pytest.mark.parametrize("step", [each for each in STEPS if each not in ("before_intent", "intent")])
@pytest.mark.parametrize("kind", ["place", "modify", "cancel"])
async def test_l_13_a_process_that_dies_sends_nothing_twice(gtts: Any, step: str, kind: str) -> None:
    """L-13: the process ends at each step of placing, changing and cancelling; another takes over."""
    group = await gtts.pair()
    if kind != "place":
        await gtts.round()
        if kind == "modify":
            await gtts.groups.modify(gtts.live.user, group, {"target": (None, Decimal(112))})
        else:
            await gtts.groups.cancel(gtts.live.user, group)

    def die(name: str) -> None:
        if name == step:
            raise gtts.death

    dying = gtts.make(step=die)
    await dying.begin()
    with pytest.raises(gtts.death):
        await dying.drain()
    await gtts.keeper.recover()
    await gtts.pass_time(75)
    sent = [each for each, _ in gtts.broker.calls].count(kind)
    assert sent == (0 if step in ("claimed", "calling") else 1)
    took = sent == 1
    wanted = {
        "place": ("waiting", "active", "accepted") if took else ("failed", "rejected", "never_arrived"),
        "modify": ("waiting", "active", "modified" if took else "no_effect"),
        "cancel": ("cancelled", "cancelled", "cancelled") if took else ("waiting", "active", "no_effect"),
    }[kind]
    assert await gtts.said(group) == wanted
    async with PostgresGtts(gtts.live.service.engine) as work:
        assert (await work.gtts_of([group]))[group].wish is None


async def test_a_claim_of_a_silent_process_is_looked_into(gtts: Any) -> None:
    """Also without a change of leadership, after a while."""
    group = await gtts.single()

    def die(name: str) -> None:
        if name == "called":
            raise gtts.death

    dying = gtts.make(step=die)
    await dying.begin()
    with pytest.raises(gtts.death):
        await dying.drain()
    await gtts.pass_time(20)
    assert (await gtts.said(group))[1] == "submitting"
    await gtts.pass_time(20)
    assert (await gtts.said(group))[1] == "active"
    assert gtts.broker.placed() == 1


async def test_two_keepers_send_once(gtts: Any) -> None:
    second = gtts.make()
    groups = [await gtts.single() for _ in range(5)]
    for keeper in (gtts.keeper, second):
        await keeper.begin()
    for keeper in (gtts.keeper, second):
        await keeper.drain()
    assert gtts.broker.placed() == 5
    assert {(await gtts.said(group))[1] for group in groups} == {"active"}


@pytest.mark.parametrize(
    ("word", "state"),
    [("cancelled", "cancelled"), ("expired", "done"), ("rejected", "failed"), ("sleeping", "waiting")],
)
async def test_what_the_broker_ends_has_ended(gtts: Any, word: str, state: str) -> None:
    """A word that nobody knows ends nothing."""
    group = await gtts.pair()
    await gtts.round()
    gtts.broker.status(await gtts.number(group), word)
    await gtts.pass_time(35)
    assert (await gtts.of(group)).group.state == state
    assert (await gtts.of(group)).orders == ()


async def test_the_book_is_read_every_half_minute(gtts: Any) -> None:
    """The broker allows 5,000 calls a day; two GTT of an exchange share one."""
    for _ in range(2):
        await gtts.single()
    await gtts.round()
    before = gtts.broker.reads
    await gtts.pass_time(61)
    assert 1 <= gtts.broker.reads - before <= 3


async def test_what_could_not_leave_in_time_never_leaves(gtts: Any) -> None:
    gtts.broker.refuses = UpstreamUnavailable("Not now.", code="broker_minute_limit")
    group = await gtts.single()
    await gtts.pass_time(20)
    assert (await gtts.said(group))[1] == "new"
    await gtts.pass_time(15)
    assert await gtts.said(group) == ("failed", "rejected", "broker_minute_limit")
    late = await gtts.single()
    gtts.broker.refuses = None
    gtts.live.wall.advance(40)
    await gtts.round()
    assert await gtts.said(late) == ("failed", "rejected", "intent_expired")
    assert gtts.broker.calls == []


async def test_a_clear_no_is_told_in_the_brokers_words(gtts: Any) -> None:
    context = {"broker_message": "RMS: no margin"}
    gtts.broker.before = InvalidInput("The broker refuses this.", code="broker_refused", context=context)
    group = await gtts.single()
    await gtts.round()
    found = await gtts.of(group)
    assert (found.group.state, found.group.text) == (
        "failed",
        "The broker refuses this. The broker says: RMS: no margin",
    )
    gtts.broker.before = Unauthenticated("The session is over.", code="broker_session_expired")
    group = await gtts.single()
    await gtts.round()
    assert (await gtts.said(group))[2] == "broker_session_expired"
    assert gtts.broker.reported == ["The session is over."]


@pytest.mark.parametrize(
    "error",
    [
        UpstreamUnavailable("Not now.", code="broker_unavailable"),
        Unauthenticated("The session is over.", code="broker_session_expired"),
    ],
)
async def test_a_book_that_cannot_be_read_decides_nothing(
    gtts: Any, unknown: BreezewayError, error: BreezewayError
) -> None:
    gtts.broker.after, gtts.broker.blind = unknown, error
    group = await gtts.single()
    await gtts.pass_time(90)
    assert await gtts.said(group) == ("waiting", "unknown", "outcome_unknown")
    gtts.broker.blind = None
    await gtts.pass_time(15)
    assert await gtts.said(group) == ("waiting", "active", "accepted")


async def test_without_a_session_the_book_decides_nothing(gtts: Any, unknown: BreezewayError) -> None:
    gtts.broker.after = unknown
    group = await gtts.single()
    await gtts.round()
    gtts.broker.shut = Conflict("Log in at the broker.", code="broker_session_inactive")
    await gtts.pass_time(90)
    assert await gtts.said(group) == ("waiting", "unknown", "outcome_unknown")
    refused = await gtts.single()
    await gtts.round()
    assert await gtts.said(refused) == ("failed", "rejected", "broker_session_inactive")
    assert gtts.broker.placed() == 1


async def test_an_errand_that_breaks_is_tried_again(gtts: Any) -> None:
    gtts.broker.shut = OSError("no route")
    group = await gtts.single()
    await gtts.round()
    assert (await gtts.said(group))[1] == "new"
    gtts.broker.shut = None
    await gtts.round()
    assert (await gtts.said(group))[1] == "active"


async def test_a_slow_answer_keeps_no_other_gtt_waiting(gtts: Any) -> None:
    """And what is still on its way when the process ends is looked for by the next one, and not sent again."""
    gtts.broker.slow = asyncio.Event()
    first = await gtts.single()
    await gtts.keeper.begin()
    await eventually(lambda: bool(gtts.broker.calls))
    slow, gtts.broker.slow = gtts.broker.slow, None
    other = await gtts.single("80", "79")
    async with asyncio.timeout(60):
        while (await gtts.said(other))[1] != "active":
            await gtts.keeper.begin()
            await asyncio.sleep(0.02)
    assert (await gtts.said(first))[1] == "submitting"
    await gtts.keeper.drain(0.05)
    assert not slow.is_set()
    await gtts.keeper.recover()
    await gtts.pass_time(3)
    assert (await gtts.said(first))[1] == "active"
    assert gtts.broker.placed() == 2


async def test_gtt_rules_leave_longer_than_a_call_takes() -> None:
    """A claim that is still being sent must not count as abandoned, nor be given up before it may have arrived."""
    rules = GttRules()
    assert rules.given_up > rules.abandoned > timedelta(seconds=25)
