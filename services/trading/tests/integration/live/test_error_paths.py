"""Live orders' rarer turns: a silent process, two alike in doubt, an account that is closed meanwhile."""

import asyncio
from dataclasses import replace
from datetime import datetime
from typing import Any

import pytest

from breezeway.errors import BreezewayError, Conflict, UpstreamUnavailable
from breezeway.exchange.orders import EventKind
from trading_service.application.live_ports import LiveCommand


async def claim(live: Any) -> LiveCommand:
    """Take the one command that waits, as a process that then says nothing."""
    async with live.work() as work:
        (command,) = await work.waiting_commands(10)
        assert await work.claim_command(command.seq, live.wall.now())
        await live.recorder.submit(work, command.order_id)
        await work.commit()
    return command


async def test_a_claim_of_a_silent_process_is_looked_into_after_a_while(live: Any) -> None:
    """Nobody took over, so nobody recovered: its age is what gives it away. What is being sent is left alone."""
    order = await live.order()
    command = await claim(live)
    await live.pass_time(20)
    assert (await live.state(order))[0] == "submitting"
    live.reconciler._in_flight.add(command.seq)
    await live.pass_time(20)
    assert (await live.state(order))[0] == "submitting"
    live.reconciler._in_flight.discard(command.seq)
    await live.pass_time(1)
    assert await live.state(order) == ("unknown", "outcome_unknown")
    await live.pass_time(30)
    assert await live.state(order) == ("rejected", "never_arrived")
    assert live.broker.calls == []


async def test_two_alike_in_doubt_are_given_one_row_each(live: Any, unknown: BreezewayError) -> None:
    """Neither is ambiguous: the broker has no more of them than were sent."""
    live.broker.keeps_tags = False
    orders = []
    for _ in range(2):
        live.broker.after = unknown
        orders.append(await live.order())
        await live.send()
    assert [(await live.state(each))[0] for each in orders] == ["unknown", "unknown"]
    await live.pass_time(3)
    assert [await live.state(each) for each in orders] == [("open", "accepted")] * 2
    assert {await live.number(each) for each in orders} == set(live.broker.rows)


async def test_of_a_closed_account_nothing_is_asked(live: Any, unknown: BreezewayError) -> None:
    """Without a session there is nothing to ask with; what is in doubt stays so."""
    live.broker.after = unknown
    order = await live.order()
    await live.send()
    async with live.work() as work:
        account = await work.lock_account(live.account.id)
        await work.save_account(replace(account, closed_at=live.wall.now()))
        await work.commit()
    await live.pass_time(60)
    assert await live.state(order) == ("unknown", "outcome_unknown")


async def test_an_account_without_orders_needs_no_book(live: Any) -> None:
    asked: list[datetime] = []

    async def book(_order: Any, day: datetime) -> list[Any]:
        asked.append(day)
        return []

    live.broker.book = book
    await live.reconciler.sweep()
    assert asked == []
    await live.order()
    await live.send()
    live.reconciler.sweep_soon()
    await live.reconciler.sweep()
    assert len(asked) == 1


async def test_a_command_about_a_rejected_order_is_dropped_without_a_word(live: Any, unknown: BreezewayError) -> None:
    """A cancellation that was on its way when the order was found never to have arrived."""
    live.broker.before = unknown
    order = await live.order()
    await live.send()
    await live.cancel(live.user, order)
    await live.pass_time(60)
    assert await live.state(order) == ("rejected", "never_arrived")
    events = await live.events(order)
    async with live.work() as work:
        (command,) = await work.queued(order, "cancel")
        await live.recorder.settle(work, command, EventKind.CANCEL_REJECT, "no_effect", "Nothing.")
        await work.commit()
    assert await live.events(order) == events
    assert await live.unsettled() == 0


@pytest.mark.parametrize("error", [OSError("no route"), UpstreamUnavailable("Down.", code="database_unavailable")])
async def test_an_errand_that_breaks_is_tried_again(live: Any, error: Exception) -> None:
    """What was not claimed has not left, whatever went wrong on the way."""
    order = await live.order()
    line, broken = live.broker.line, [error]

    async def once_broken(account: Any) -> Any:
        if broken:
            raise broken.pop()
        return await line(account)

    live.broker.line = once_broken
    await live.send()
    assert (await live.state(order))[0] == "new"
    await live.send()
    assert await live.state(order) == ("open", "accepted")
    assert len(live.broker.placed()) == 1


async def test_a_slow_answer_keeps_no_other_order_waiting_and_is_given_up_at_the_end(live: Any) -> None:
    """When the process ends, what is still on its way is looked for by the next one, and not sent again."""
    slow, stuck, place = await live.order(quantity=1), asyncio.Event(), live.broker.place

    async def placed(order: Any, route: Any) -> str:
        number = await place(order, route)
        if order.quantity == 1:
            await stuck.wait()
        return str(number)

    live.broker.place = placed
    await live.router.begin()
    other = await live.order(quantity=2)
    async with asyncio.timeout(60):
        while (await live.state(other))[0] != "open":
            await live.router.begin()
            await asyncio.sleep(0.02)
    assert (await live.state(slow))[0] == "submitting"
    await live.router.drain(0.05)
    await live.reconciler.recover()
    await live.pass_time(3)
    assert await live.state(slow) == ("open", "accepted")
    assert len(live.broker.placed()) == 2


async def test_the_owner_of_nothing_in_doubt_is_told_so(live: Any) -> None:
    order = await live.order()
    await live.send()
    await live.tell(await live.number(order), "cancelled", 0)
    with pytest.raises(Conflict) as ended:
        await live.cancel(live.user, order)
    assert ended.value.code == "order_ended"
