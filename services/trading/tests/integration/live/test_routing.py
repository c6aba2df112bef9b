"""Live orders: what is sent, once; what becomes of it when the broker does not say."""

from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from breezeway.errors import (
    BreezewayError,
    Conflict,
    Forbidden,
    InvalidInput,
    RateLimited,
    Unauthenticated,
    UpstreamUnavailable,
)
from breezeway.exchange.checks import AccountState
from breezeway.exchange.orders import Amendment
from trading_service.application.live_ports import BrokerWord
from trading_service.application.ports import AccountRequest


async def test_an_order_goes_to_the_broker_once_and_gets_its_number(live: Any) -> None:
    order = await live.order()
    assert await live.state(order) == ("new", "received")
    await live.send()
    await live.send()
    assert live.broker.placed() == [live.broker.rows[await live.number(order)].tag]
    assert await live.state(order) == ("open", "accepted")
    assert await live.events(order) == [("new", "received"), ("submit", "submitting"), ("accept", "accepted")]
    assert await live.unsettled() == 0


async def test_a_market_order_leaves_as_a_limit(live: Any) -> None:
    """Exchanges take no market orders from programs."""
    order = await live.order(price=None)
    await live.send()
    sent = live.broker.rows[await live.number(order)].word.price
    assert sent is not None
    assert sent > Decimal(100)


async def test_l_07_a_time_out_before_the_broker_has_it(live: Any, unknown: BreezewayError) -> None:
    """L-07: no answer, and the broker never got it. Nothing is sent again; it ends once it cannot arrive any more."""
    live.broker.before = unknown
    order = await live.order()
    await live.send()
    assert await live.state(order) == ("unknown", "outcome_unknown")
    await live.send()
    await live.pass_time(30)
    assert await live.state(order) == ("unknown", "outcome_unknown"), "given up while it might still arrive"
    await live.pass_time(30)
    assert await live.state(order) == ("rejected", "never_arrived")
    assert len(live.broker.placed()) == 1


async def test_l_07_a_time_out_after_the_broker_has_it(live: Any, unknown: BreezewayError) -> None:
    """L-07: no answer, and the broker has it: found by its tag, never sent again."""
    live.broker.after = unknown
    order = await live.order()
    await live.send()
    assert await live.state(order) == ("unknown", "outcome_unknown")
    await live.pass_time(1)
    assert await live.state(order) == ("open", "accepted")
    await live.pass_time(60)
    assert len(live.broker.placed()) == 1
    assert len(live.broker.rows) == 1


async def test_l_07_the_broker_has_lost_the_tags(live: Any, unknown: BreezewayError) -> None:
    """L-07: the broker's book has no remarks. Orders are found by their terms; equal ones stand in for each other."""
    live.broker.keeps_tags = False
    first, second = await live.order(), await live.order()
    other = await live.order(quantity=7)
    for _ in range(3):
        live.broker.after = unknown
        await live.send()
    states = [await live.state(order) for order in (first, second, other)]
    assert {state for state, _ in states} <= {"unknown", "open"}
    assert ("unknown", "outcome_unknown") in states
    await live.pass_time(2)
    assert [await live.state(order) for order in (first, second, other)] == [("open", "accepted")] * 3
    numbers = [await live.number(order) for order in (first, second, other)]
    assert sorted(numbers) == sorted(live.broker.rows)
    assert live.broker.rows[numbers[2]].word.quantity == 7
    assert len(live.broker.placed()) == 3


async def test_an_order_that_somebody_else_placed_too_is_not_guessed(live: Any, unknown: BreezewayError) -> None:
    live.broker.keeps_tags = False
    live.broker.after = unknown
    order = await live.order()
    await live.send()
    (row,) = live.broker.rows.values()
    by_hand = BrokerWord("by-hand", "ordered", 10, 0, None, row.word.price)
    live.broker.rows["by-hand"] = replace(row, word=by_hand)
    await live.pass_time(3)
    assert await live.state(order) == ("unknown", "outcome_unknown")
    assert ("alarm", "ambiguous_order") in await live.events(order)
    assert await live.account_state() is AccountState.HALTED


async def test_an_order_that_arrives_after_it_was_given_up_halts_the_account(
    live: Any, unknown: BreezewayError
) -> None:
    live.broker.after = unknown
    live.broker.hides = True
    order = await live.order()
    await live.send()
    await live.pass_time(60)
    assert await live.state(order) == ("rejected", "never_arrived")
    live.broker.hides = False
    await live.reconciler.compare(live.account)
    await live.reconciler.compare(live.account)
    assert [code for kind, code in await live.events(order) if kind == "alarm"] == ["surfaced_late"]
    assert await live.account_state() is AccountState.HALTED


@pytest.mark.parametrize("effective", [True, False])
async def test_a_cancellation_counts_when_the_broker_has_done_it(live: Any, effective: bool) -> None:
    """The broker has been seen to confirm a cancellation that never took effect."""
    order = await live.order()
    await live.send()
    live.broker.ignores = not effective
    await live.cancel(live.user, order)
    await live.send()
    assert (await live.state(order))[0] == "open"
    await live.pass_time(30)
    assert (await live.state(order))[0] == ("cancelled" if effective else "open")
    assert ("cancel_reject", "no_effect") in await live.events(order) or effective
    assert [kind for kind, _ in live.broker.calls] == ["place", "cancel"]
    assert await live.unsettled() == 0


@pytest.mark.parametrize("effective", [True, False])
@pytest.mark.parametrize("answered", [True, False])
async def test_a_change_counts_when_the_broker_has_it_in_force(
    live: Any, unknown: BreezewayError, effective: bool, answered: bool
) -> None:
    order = await live.order()
    await live.send()
    live.broker.ignores = not effective
    live.broker.after = None if answered else unknown
    await live.modify(live.user, order, Amendment(price=Decimal("99.95"), quantity=12))
    await live.send()
    await live.pass_time(30)
    stored = await live.service.stored(order)
    assert (stored.order.price, stored.order.quantity) == ((Decimal("99.95"), 12) if effective else (Decimal(100), 10))
    assert (("modify_reject", "no_effect") in await live.events(order)) is not effective
    assert [kind for kind, _ in live.broker.calls] == ["place", "modify"]
    assert await live.unsettled() == 0


async def test_commands_about_one_order_follow_each_other(live: Any) -> None:
    order = await live.order()
    await live.send()
    await live.modify(live.user, order, Amendment(price=Decimal("99.95")))
    await live.cancel(live.user, order)
    await live.send()
    await live.send()
    assert [kind for kind, _ in live.broker.calls] == ["place", "modify"], "the change is not known to hold yet"
    await live.pass_time(1)
    await live.send()
    await live.pass_time(1)
    assert [kind for kind, _ in live.broker.calls] == ["place", "modify", "cancel"]
    assert (await live.state(order))[0] == "cancelled"


REFUSALS = [
    (Forbidden("Not from here.", code="broker_ip_refused"), "broker_ip_refused"),
    (Unauthenticated("The session has ended.", code="broker_session_expired"), "broker_session_expired"),
    (RateLimited("Too many calls.", code="broker_minute_limit", retry_after=60), "broker_minute_limit"),
    (
        InvalidInput("Refused.", code="broker_refused_input", context={"broker_message": "No limit."}),
        "broker_refused_input",
    ),
]


@pytest.mark.parametrize(("error", "code"), REFUSALS, ids=[code for _, code in REFUSALS])
async def test_what_the_broker_refuses_is_rejected_under_its_own_code(
    live: Any, error: BreezewayError, code: str
) -> None:
    live.broker.before = error
    order = await live.order()
    await live.send()
    assert await live.state(order) == ("rejected", code)
    stored = await live.service.stored(order)
    assert "No limit." in stored.text or "broker_message" not in error.context
    assert bool(live.broker.reported) is isinstance(error, Unauthenticated)
    assert await live.unsettled() == 0


async def test_what_could_not_leave_in_time_never_leaves(live: Any) -> None:
    """A wish that is older than half a minute is not sent: the market has moved on."""
    live.broker.refuses = UpstreamUnavailable("The limiter is away.", code="quota_unavailable")
    order = await live.order()
    await live.send()
    assert (await live.state(order))[0] == "new"
    live.wall.advance(31)
    live.broker.refuses = None
    await live.send()
    assert await live.state(order) == ("rejected", "intent_expired")
    assert live.broker.calls == []


async def test_an_order_without_a_broker_session_is_rejected_at_once(live: Any) -> None:
    live.broker.refuses = Conflict("Log in at the broker.", code="broker_session_inactive")
    order = await live.order()
    await live.send()
    assert await live.state(order) == ("rejected", "broker_session_inactive")
    assert live.broker.calls == []


async def test_l_13_the_kill_switch_stops_what_was_not_sent(live: Any) -> None:
    """L-13: the account is halted between the wish and the sending: the broker gets no order call."""
    order = await live.order()
    async with live.work() as work:
        account = await work.lock_account(live.account.id)
        await work.save_account(replace(account, state=AccountState.HALTED))
        await work.commit()
    await live.send()
    assert await live.state(order) == ("rejected", "account_halted")
    with pytest.raises(Conflict, match="halted"):
        await live.order()
    assert live.broker.calls == []


async def test_l_13_switched_off_nothing_is_taken_or_sent(live: Any) -> None:
    """L-13: the operator has switched live trading off again: no orders and no cancellations are taken."""
    order = await live.order()
    await live.send()
    calls = list(live.broker.calls)
    live.place, cancel = live.service.place, live.service.cancel
    with pytest.raises(Forbidden) as refused:
        await live.order()
    assert refused.value.code == "live_trading_disabled"
    with pytest.raises(Forbidden):
        await cancel(live.user, order)
    with pytest.raises(Forbidden):
        await live.service.accounts.open(live.user, AccountRequest("mine", "live", Decimal(0), "none"))
    await live.send()
    assert live.broker.calls == calls


async def test_l_13_a_cancelled_wish_never_leaves(live: Any) -> None:
    """L-13: cancelled before it was sent."""
    order = await live.order()
    await live.cancel(live.user, order)
    await live.send()
    await live.send()
    assert (await live.state(order))[0] == "cancelled"
    assert live.broker.calls == []
    assert await live.unsettled() == 0


async def test_halting_cancels_what_works_at_the_broker(live: Any) -> None:
    order = await live.order()
    await live.send()
    await live.cancel.all_of(live.account.id, "account_halted", "The account was halted.")
    await live.send()
    await live.pass_time(1)
    assert [kind for kind, _ in live.broker.calls] == ["place", "cancel"]
    assert (await live.state(order))[0] == "cancelled"


async def test_the_matching_engine_never_sees_a_live_order(live: Any) -> None:
    order = await live.order(price="200")
    live.service.tick("100")
    await live.service.settle_in()
    assert (await live.state(order))[0] == "new"
    await live.send()
    await live.service.restart()
    live.service.tick("100")
    await live.service.settle_in()
    assert (await live.state(order))[0] == "open"
    assert (await live.service.stored(order)).filled == 0


@pytest.mark.parametrize(
    ("terms", "code"),
    [
        ({"product": "mis"}, "not_for_live_accounts"),
        ({"quantity": 2000}, "live_order_value"),
        ({"price": "100.01"}, "tick_size"),
        ({"group_role": "stop"}, "not_for_live_accounts"),
    ],
    ids=["intraday", "value", "tick", "exit"],
)
async def test_what_must_not_leave_is_refused(live: Any, terms: dict[str, Any], code: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        await live.order(**terms)
    assert refused.value.code == code
    assert await live.unsettled() == 0


async def test_shares_bought_elsewhere_may_be_sold(live: Any) -> None:
    """The demat account knows what is in it; we do not."""
    order = await live.order(side="sell")
    await live.send()
    assert (await live.state(order))[0] == "open"


async def test_the_session_ends_in_the_middle(live: Any, unknown: BreezewayError) -> None:
    """A change that the broker refuses to an ended session is answered so and reported; the order works on. What is
    unknown meanwhile stays so until somebody has logged in again, and is then found."""
    order = await live.order()
    await live.send()
    ended = Unauthenticated("The session has ended.", code="broker_session_expired")
    live.broker.before = ended
    await live.cancel(live.user, order)
    await live.send()
    assert ("cancel_reject", "broker_session_expired") in await live.events(order)
    assert (await live.state(order))[0] == "open"
    live.broker.after = unknown
    second = await live.order(quantity=3)
    await live.send()
    live.broker.blind = ended
    await live.pass_time(50)
    assert await live.state(second) == ("unknown", "outcome_unknown")
    await live.reconciler.compare(live.account)
    assert set(live.broker.reported) == {"The session has ended."}
    live.broker.blind = None
    await live.pass_time(15)
    assert (await live.state(second))[0] == "open"
    assert len(live.broker.placed()) == 2


async def test_a_report_that_fails_keeps_nobody_from_working(live: Any, unknown: BreezewayError) -> None:
    """Auth is away while a session is refused: the order is answered all the same."""
    ended = Unauthenticated("The session has ended.", code="broker_session_expired")
    live.broker.deaf = UpstreamUnavailable("Auth is away.", code="upstream_unavailable")
    live.broker.before = ended
    order = await live.order()
    await live.send()
    assert await live.state(order) == ("rejected", "broker_session_expired")
    live.broker.after = unknown
    second = await live.order(quantity=3)
    await live.send()
    live.broker.blind = ended
    await live.pass_time(2)
    live.broker.blind = None
    await live.pass_time(15)
    assert (await live.state(second))[0] == "open"


async def test_an_order_waits_for_its_turn_while_it_is_young(live: Any) -> None:
    """The exchange's ten changes a second are used up: it waits, and is sent when there is room."""
    live.broker.refuses = RateLimited("Too many.", code="broker_order_rate", retry_after=1)
    order = await live.order()
    await live.send()
    assert await live.state(order) == ("new", "received")
    live.broker.refuses = None
    await live.send()
    assert (await live.state(order))[0] == "open"


async def test_what_waited_too_long_for_its_turn_says_why(live: Any) -> None:
    live.broker.refuses = RateLimited("Too many.", code="broker_order_rate", retry_after=1)
    live.broker.waiting = lambda: live.wall.advance(31)
    order = await live.order()
    await live.send()
    assert await live.state(order) == ("rejected", "broker_order_rate")
    assert live.broker.calls == []
