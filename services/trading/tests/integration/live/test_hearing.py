"""L-08: the broker's notifications, in whatever order and however often they come, end where the broker is."""

import itertools
from decimal import Decimal
from typing import Any

import pytest

from breezeway.errors import Unauthenticated, UpstreamUnavailable
from breezeway.exchange.checks import AccountState
from breezeway.ids import new_id
from trading_service.application.live_ports import BrokerWord

PARTS = [("ordered", 0, "0"), ("partially executed", 4, "99.5"), ("executed", 10, "99.8")]


async def position(live: Any) -> tuple[int, Decimal]:
    """Units held and what they cost."""
    async with live.work() as work:
        found = await work.position(live.account.id, "NSE:A", "cnc")
    return found.quantity, found.cost


async def placed(live: Any, quantity: int = 10) -> tuple[Any, str]:
    order = await live.order(quantity)
    await live.send()
    return order, await live.number(order)


@pytest.mark.parametrize("sequence", list(itertools.permutations(range(3))), ids=str)
async def test_l_08_parts_in_any_order_and_twice_end_the_same(live: Any, sequence: tuple[int, ...]) -> None:
    """L-08: duplicated and reordered parts: position and cost are what the broker says in the end."""
    order, number = await placed(live)
    for index in sequence:
        for _ in range(2):
            await live.tell(number, *PARTS[index])
    assert (await live.state(order))[0] == "filled"
    assert await position(live) == (10, Decimal(998))
    await live.service.check(live.account)


async def test_l_08_a_fill_before_the_acknowledgement(live: Any) -> None:
    """L-08: the notification overtakes the answer that has the order's number. It is kept until the number is known."""
    live.broker.during = lambda: live.notify("20261120N000000000", "executed", 10, "99.9")
    order = await live.order()
    await live.router.begin()
    while not live.notices.messages:
        await live.hearing.run_once()
    await live.hearing.run_once()
    await live.router.drain()
    await live.hearing.run_once()
    assert (await live.state(order))[0] == "filled"
    assert await position(live) == (10, Decimal(999))


async def test_l_08_a_notification_before_the_order_is_found(live: Any, unknown: Exception) -> None:
    """L-08 with L-07: the call was not answered, the fill is heard first, the number is found in the book."""
    live.broker.after = unknown
    order = await live.order()
    await live.send()
    (number,) = live.broker.rows
    await live.tell(number, "partially executed", 4, "99.5")
    assert await live.state(order) == ("unknown", "outcome_unknown")
    await live.pass_time(1)
    assert (await live.state(order))[0] == "partially_filled"
    assert await position(live) == (4, Decimal(398))


async def test_l_08_a_fill_after_the_cancellation(live: Any) -> None:
    """L-08: the position follows the exchange, also after an order was thought cancelled."""
    order, number = await placed(live)
    await live.tell(number, "cancelled", 0)
    assert (await live.state(order))[0] == "cancelled"
    await live.tell(number, "partially executed and cancelled", 3, "100.1")
    assert (await live.state(order))[0] == "cancelled"
    assert await position(live) == (3, Decimal("300.3"))


async def test_l_08_more_than_was_asked_for_is_an_alarm(live: Any) -> None:
    """L-08: an over-fill is neither booked nor clipped: it is written down, and the account stops."""
    order, number = await placed(live)
    await live.tell(number, "partially executed", 4, "100")
    await live.tell(number, "executed", 11, "100")
    await live.tell(number, "executed", 11, "100")
    assert await position(live) == (4, Decimal(400))
    assert [code for kind, code in await live.events(order) if kind == "alarm"] == ["over_fill"]
    assert await live.account_state() is AccountState.HALTED


async def test_notifications_of_others_orders_are_passed_over(live: Any) -> None:
    order, _ = await placed(live)
    await live.tell("20261120N999999999", "executed", 10, "100")
    assert (await live.state(order))[0] == "open"
    assert await position(live) == (0, Decimal(0))


async def test_what_was_missed_is_read_in_the_book(live: Any) -> None:
    """Redis has lost the channel: the working orders are compared with the broker's book."""
    order, number = await placed(live)
    await live.reconciler.sweep()
    live.broker.say(number, status="partially executed", executed=6, average_price=Decimal("99.9"))
    await live.reconciler.sweep()
    assert (await live.state(order))[0] == "open", "compared too often"
    live.notices.lost = True
    await live.hearing.run_once()
    await live.reconciler.sweep()
    assert (await live.state(order))[0] == "partially_filled"
    assert await position(live) == (6, Decimal("599.4"))


async def test_a_change_that_was_made_at_the_broker_is_taken_over(live: Any) -> None:
    order, number = await placed(live)
    live.broker.say(number, price=Decimal("98"), quantity=8)
    await live.reconciler.compare(live.account)
    stored = await live.service.stored(order)
    assert (stored.order.price, stored.order.quantity) == (Decimal(98), 8)


async def test_a_restart_reads_on_where_it_stopped(live: Any) -> None:
    """What was booked is not booked again by the next process, even when it reads everything again."""
    order, number = await placed(live)
    await live.tell(number, "partially executed", 4, "99.5")
    async with live.work() as work:
        place = await work.notice_place(live.user)
    assert place is not None
    assert place.offset == 1
    await live.reconciler.recover()
    await live.hearing.run_once()
    live.notices.messages.extend(live.notices.messages * 2)
    await live.hearing.run_once()
    assert await position(live) == (4, Decimal(398))
    assert (await live.state(order))[0] == "partially_filled"


async def test_a_number_that_is_another_orders_is_an_alarm(live: Any) -> None:
    """The broker tells one number for two orders: nothing is booked to the second, and a person has to look."""
    _, number = await placed(live)
    second = await live.order(3)
    async with live.work() as work:
        await live.recorder.acknowledge(work, second, BrokerWord(number, "executed", 3, 3, Decimal(100)))
        await work.commit()
    assert ("alarm", "broker_number_taken") in await live.events(second)
    assert await live.state(second) == ("new", "received")
    assert await live.account_state() is AccountState.HALTED


async def test_words_about_orders_that_are_not_there_are_passed_over(live: Any) -> None:
    word = BrokerWord("N1", "ordered", 1, 0, None)
    async with live.work() as work:
        assert await live.recorder.hear(work, new_id(), word) is None
        assert await live.recorder.acknowledge(work, new_id(), word) is None


async def test_a_book_that_cannot_be_read_changes_nothing(live: Any) -> None:
    """Neither the broker nor auth, who is to be told of the ended session, answers: the next look finds out."""
    order, number = await placed(live)
    live.broker.say(number, status="cancelled")
    live.broker.blind = Unauthenticated("The session has ended.", code="broker_session_expired")
    live.broker.deaf = UpstreamUnavailable("Auth is away.", code="upstream_unavailable")
    await live.reconciler.compare(live.account)
    assert (await live.state(order))[0] == "open"
    live.broker.blind = None
    await live.reconciler.compare(live.account)
    assert (await live.state(order))[0] == "cancelled"
