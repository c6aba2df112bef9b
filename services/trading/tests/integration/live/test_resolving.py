"""An order that could be several of the broker's: its owner is shown them and says which it is, or that it is none."""

from dataclasses import replace
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest

from breezeway.errors import BreezewayError, Conflict, InvalidInput, NotFound
from breezeway.exchange.checks import AccountState
from breezeway.ids import new_id
from trading_service.application.live_ports import BrokerWord
from trading_service.application.live_resolving import ResolveOrder

BY_HAND = "BY-HAND"


@pytest.fixture
def resolving(live: Any) -> ResolveOrder:
    return ResolveOrder(live.work, live.recorder, live.wall)


async def ambiguous(live: Any, unknown: BreezewayError, *, arrived: bool = True, seconds: int = 3) -> tuple[UUID, str]:
    """An order whose call was not answered, in a book without tags that has one more like it; the broker's number."""
    live.broker.keeps_tags = False
    live.broker.after = unknown
    order = await live.order()
    await live.send()
    (number,) = live.broker.rows
    row = live.broker.rows[number]
    live.broker.rows[BY_HAND] = replace(row, word=BrokerWord(BY_HAND, "ordered", 10, 0, None, row.word.price))
    if not arrived:
        second = f"{BY_HAND}-2"
        live.broker.rows[second] = replace(live.broker.rows.pop(number), word=replace(row.word, broker_order_id=second))
    await live.pass_time(seconds)
    assert ("alarm", "ambiguous_order") in await live.events(order)
    return order, number


async def wake(live: Any) -> None:
    """Make the account active again."""
    async with live.work() as work:
        account = await work.lock_account(live.account.id)
        await work.save_account(replace(account, state=AccountState.ACTIVE))
        await work.commit()


async def test_the_owner_links_the_brokers_order(live: Any, resolving: ResolveOrder, unknown: BreezewayError) -> None:
    """What the broker has is shown; the one that is named becomes the order's, with what has become of it."""
    order, number = await ambiguous(live, unknown)
    found = await resolving.evidence(live.user, order)
    assert [each["broker_order_id"] for each in found.candidates] == sorted([number, BY_HAND])
    assert (found.price, found.candidates[0]["quantity"], found.candidates[0]["tagged"]) == (Decimal(100), "10", False)
    assert found.sent_at is not None
    # Heard before anybody knew whose it is: kept, and booked with the link.
    await live.tell(number, "partially executed", 4, "99.5")
    linked = await resolving.link(live.user, order, number)
    assert (linked.state.value, linked.filled_quantity) == ("partially_filled", "4")
    assert (await live.number(order), await live.unsettled()) == (number, 0)
    history = await live.events(order)
    assert ("resolution", "linked_by_owner") in history
    # Saying it again changes nothing, and the account is for its owner to wake.
    assert (await resolving.link(live.user, order, number)).state.value == "partially_filled"
    assert await live.events(order) == history
    assert await live.account_state() is AccountState.HALTED
    live.broker.say(number, status="executed", executed=10, average_price=Decimal("99.5"))
    await live.reconciler.compare(live.account)
    assert (await live.state(order))[0] == "filled"
    assert len(live.broker.placed()) == 1
    await live.service.check(live.account)


async def test_the_owner_says_that_it_is_none_of_them(
    live: Any, resolving: ResolveOrder, unknown: BreezewayError
) -> None:
    order, _ = await ambiguous(live, unknown, arrived=False)
    with pytest.raises(Conflict) as early:
        await resolving.decline(live.user, order)
    assert (early.value.code, await live.state(order)) == ("still_underway", ("unknown", "outcome_unknown"))
    assert early.value.retry_after
    await live.pass_time(60)
    assert await live.state(order) == ("unknown", "outcome_unknown"), "nobody decides but the owner"
    declined = await resolving.decline(live.user, order)
    assert (declined.state.value, declined.code) == ("rejected", "declared_not_placed")
    history = await live.events(order)
    assert ("resolution", "declared_not_placed") in history
    assert (await resolving.decline(live.user, order)).state.value == "rejected"
    assert (await live.events(order), await live.unsettled()) == (history, 0)
    assert len((await resolving.evidence(live.user, order)).candidates) == 2
    await live.pass_time(5)
    assert len(live.broker.placed()) == 1


@pytest.mark.parametrize("foreign", [True, False], ids=["somebody-elses", "no-such-order"])
async def test_nobody_else_sees_or_decides(
    live: Any, resolving: ResolveOrder, unknown: BreezewayError, foreign: bool
) -> None:
    order, number = await ambiguous(live, unknown)
    user, asked = (new_id(), order) if foreign else (live.user, new_id())
    for refused in (
        resolving.evidence(user, asked),
        resolving.link(user, asked, number),
        resolving.decline(user, asked),
    ):
        with pytest.raises(NotFound, match="no such live order"):
            await refused
    assert (await live.state(order))[0] == "unknown"


async def test_only_what_the_book_has_can_be_linked(
    live: Any, resolving: ResolveOrder, unknown: BreezewayError
) -> None:
    """A wrong number, one of another order of ours, and another after the decision."""
    order, number = await ambiguous(live, unknown)
    with pytest.raises(InvalidInput) as wrong:
        await resolving.link(live.user, order, "20261120N999999999")
    assert wrong.value.code == "not_a_candidate"
    await wake(live)
    other = await live.order(quantity=3)
    async with live.work() as work:
        assert await work.name_order(other, BY_HAND)
        await work.commit()
    with pytest.raises(Conflict) as taken:
        await resolving.link(live.user, order, BY_HAND)
    assert taken.value.code == "broker_number_taken"
    await resolving.link(live.user, order, number)
    for late in (resolving.link(live.user, order, BY_HAND), resolving.decline(live.user, order)):
        with pytest.raises(Conflict) as decided:
            await late
        assert decided.value.code == "order_not_ambiguous"


async def test_what_is_not_in_doubt_is_not_decided(live: Any, resolving: ResolveOrder, unknown: BreezewayError) -> None:
    """Neither an order that works, nor one that is still being looked for."""
    working = await live.order()
    await live.send()
    live.broker.before = unknown
    lost = await live.order(quantity=3)
    await live.send()
    for order in (working, lost):
        for refused in (
            resolving.evidence(live.user, order),
            resolving.link(live.user, order, BY_HAND),
            resolving.decline(live.user, order),
        ):
            with pytest.raises(Conflict) as settled:
                await refused
            assert settled.value.code == "order_not_ambiguous"


async def test_an_order_under_our_tag_was_placed(live: Any, resolving: ResolveOrder, unknown: BreezewayError) -> None:
    """The broker has two orders under one tag of ours: that none of them is ours contradicts the evidence."""
    live.broker.after = unknown
    order = await live.order()
    await live.send()
    (number,) = live.broker.rows
    row = live.broker.rows[number]
    live.broker.rows["TWIN"] = replace(row, word=replace(row.word, broker_order_id="TWIN"))
    await live.pass_time(60)
    assert all(each["tagged"] for each in (await resolving.evidence(live.user, order)).candidates)
    with pytest.raises(Conflict) as refused:
        await resolving.decline(live.user, order)
    assert refused.value.code == "evidence_contradicts"
    assert (await resolving.link(live.user, order, "TWIN")).state.value == "open"


async def test_new_evidence_is_added_and_the_same_is_not(
    live: Any, resolving: ResolveOrder, unknown: BreezewayError
) -> None:
    """Each look at the book that finds something else is a line of the history; only the first halts the account."""
    order, number = await ambiguous(live, unknown)
    await wake(live)
    await live.pass_time(30)
    assert (await live.events(order)).count(("alarm", "ambiguous_order")) == 1
    live.broker.say(number, status="executed", executed=10, average_price=Decimal(100))
    await live.pass_time(30)
    assert (await live.events(order)).count(("alarm", "ambiguous_order")) == 2
    assert await live.account_state() is AccountState.ACTIVE
    shown = {each["broker_order_id"]: each for each in (await resolving.evidence(live.user, order)).candidates}
    assert (shown[number]["status"], shown[number]["filled_quantity"]) == ("executed", "10")


async def test_a_decision_while_the_book_is_read(live: Any, resolving: ResolveOrder, unknown: BreezewayError) -> None:
    """The owner decides between the look at the book and its note: the decision stays."""
    order, number = await ambiguous(live, unknown)
    book = live.broker.book

    async def slow(*asked: Any) -> Any:
        rows = await book(*asked)
        await resolving.link(live.user, order, number)
        return rows

    live.broker.book = slow
    await live.pass_time(15)
    live.broker.book = book
    assert (await live.state(order))[0] == "open"
    assert await live.events(order) == [
        ("new", "received"),
        ("submit", "submitting"),
        ("time_out", "outcome_unknown"),
        ("alarm", "ambiguous_order"),
        ("resolution", "linked_by_owner"),
        ("accept", "accepted"),
    ]
