"""What the database itself refuses, whoever asks, and what survives crashes and faults."""

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError

from breezeway.errors import Conflict, UpstreamUnavailable
from breezeway.exchange.orders import EventKind, Fill, OrderEvent, OrderState, Side
from trading_service.application.recording import Decision, Superseded
from trading_service.domain import ledger
from trading_service.domain.ledger import Entry, EntryKind


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE journal_legs SET amount = amount + 1",
        "DELETE FROM journal_legs",
        "TRUNCATE journal_legs",
        "UPDATE journal_entries SET note = 'x'",
        "DELETE FROM journal_entries",
        "TRUNCATE journal_entries CASCADE",
        "UPDATE trades SET price = 1",
        "DELETE FROM trades",
        "TRUNCATE trades",
        "DELETE FROM order_events",
    ],
)
async def test_l_10_what_was_booked_stays(service: Any, statement: str) -> None:
    """Nobody edits history, not even the owner of the tables; corrections are reversing entries."""
    await service.open()
    with pytest.raises(DBAPIError, match="append-only"):
        async with service.engine.begin() as connection:
            await connection.execute(sa.text(statement))


async def test_l_10_a_correction_is_a_reversing_entry(service: Any) -> None:
    """A wrong booking is undone by its mirror image; both stay to be read."""
    account = await service.open("100.00")
    wrong = {ledger.CASH: Decimal("50.00"), ledger.CAPITAL: Decimal("-50.00")}
    async with service.work() as work:
        await work.book(account.id, Entry(EntryKind.DEPOSIT, wrong))
        await work.book(account.id, Entry(EntryKind.REVERSAL, {name: -value for name, value in wrong.items()}))
        await work.commit()
    assert (await service.balances(account))["cash"] == Decimal("100.00")
    lines, _ = await service.read.ledger(account.user_id, account.id, None, 10)
    assert [each.kind for each in lines] == ["reversal", "deposit", "deposit"]


@pytest.mark.parametrize(
    ("amounts", "reason"),
    [
        (("5.00", "-4.00"), "does not balance"),
        (("-200.00", "200.00"), "never_negative"),
    ],
)
async def test_the_database_refuses_what_the_code_would_not_send(
    service: Any, amounts: tuple[str, str], reason: str
) -> None:
    account = await service.open("100.00")

    async def book() -> None:
        async with service.engine.begin() as connection:
            number = await connection.scalar(
                sa.text("INSERT INTO journal_entries (account_id, kind) VALUES (:a, 'trade') RETURNING id"),
                {"a": account.id},
            )
            for name, amount in zip(("cash", "capital"), amounts, strict=True):
                await connection.execute(
                    sa.text("INSERT INTO journal_legs VALUES (:e, :n, :a, :v)"),
                    {"e": number, "n": name, "a": account.id, "v": Decimal(amount)},
                )

    with pytest.raises(DBAPIError, match=reason):
        await book()
    await service.check(account)


async def test_an_entry_with_the_same_word_is_booked_once(service: Any) -> None:
    account = await service.open("100.00")
    made = Entry(EntryKind.SETTLEMENT, {"unsettled": Decimal(1), "advance": Decimal(-1)}, once="settle:x")
    async with service.work() as work:
        assert await work.book(account.id, made)
        assert not await work.book(account.id, made)
        await work.commit()
    assert (await service.balances(account))["unsettled"] == Decimal("1.00")


async def test_l_09_a_restart_finds_everything_where_it_was(service: Any) -> None:
    """Working orders, a triggered stop and a partial fill are rebuilt from the database, twice, without any change."""
    account = await service.open()
    service.tick("100")
    limit = await service.order(account, quantity=3000, price="99")
    stop = await service.order(account, quantity=2, price="103", order_type="sl", trigger_price="102", validity="day")
    await service.settle_in()
    service.tick("100")
    service.tick("98.90", quantity=700)
    await service.settle_in()
    partial = await service.stored(limit.id)
    assert partial.state is OrderState.PARTIALLY_FILLED
    before = [await service.stored(each.id) for each in (limit, stop)], await service.balances(account)
    for _ in range(2):
        await service.restart()
        await service.settle_in()
        after = [await service.stored(each.id) for each in (limit, stop)], await service.balances(account)
        assert after == before
        await service.check(account)
    service.tick("98.90", quantity=100_000, spread="0.10")
    service.tick("98", quantity=100_000)
    service.tick("98", quantity=100_000)
    service.tick("97", quantity=100_000)
    await service.settle_in()
    assert (await service.stored(limit.id)).state is OrderState.FILLED
    trades, _ = await service.read.trades(account.user_id, account.id, None, 100)
    assert sum(int(each.quantity) for each in trades) == 3000
    await service.check(account)


async def test_l_03_what_was_decided_and_not_committed_has_not_happened(service: Any) -> None:
    """The process dies between the engine's decision and the commit: the order works on, nothing is booked."""
    account = await service.open()
    service.tick("100")
    placed = await service.order(account, quantity=10, price="99")
    await service.settle_in()
    service.tick("100")
    service.tick("98")  # decided in memory only
    before = await service.balances(account)
    await service.restart()
    await service.settle_in()
    assert await service.balances(account) == before
    assert (await service.stored(placed.id)).state is OrderState.OPEN
    service.tick("98")
    service.tick("97.50")
    await service.settle_in()
    assert (await service.stored(placed.id)).state is OrderState.FILLED
    await service.check(account)


@pytest.mark.parametrize("step", ["lock_accounts_of", "book", "add_trade", "save_position", "save_progress", "commit"])
async def test_l_03_a_crash_at_any_statement_leaves_all_or_nothing(
    service: Any, step: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A fault at each kind of statement of a fill: the journal balances, and the next attempt completes it."""
    account = await service.open()
    service.tick("100")
    placed = await service.order(account, quantity=10, price="99")
    await service.settle_in()
    service.tick("100")
    service.tick("98")
    recorder = service.matcher._recorder
    whole = recorder._work

    def broken() -> Any:
        work = whole()

        async def fail(*_args: object, **_more: object) -> None:
            raise ConnectionError(step)

        setattr(work, step, fail)
        return work

    monkeypatch.setattr(recorder, "_work", broken)
    with pytest.raises(Exception, match=r"database|commit|book|save|add|lock"):
        await service.matcher.flush()
    await service.check(account)
    assert (await service.stored(placed.id)).state is OrderState.OPEN
    monkeypatch.setattr(recorder, "_work", whole)
    await service.matcher.flush()
    assert (await service.stored(placed.id)).state is OrderState.FILLED
    await service.check(account)


async def test_l_05_an_account_that_others_hold_for_long_is_a_503_and_nothing_changes(service: Any) -> None:
    """A lock that is not given in time is told as busy, to be tried again; so are deadlocks."""
    account = await service.open("1000.00")
    async with service.work() as holder:
        await holder.lock_account(account.id)
        async with service.work() as work:
            await work.session.execute(sa.text("SET LOCAL lock_timeout = '50ms'"))
            with pytest.raises(DBAPIError):
                await work.lock_account(account.id)

        async def place() -> None:
            async with service.work() as work:
                await work.session.execute(sa.text("SET LOCAL lock_timeout = '50ms'"))
                await work.lock_account(account.id)

        with pytest.raises(UpstreamUnavailable) as refused:
            await place()
        assert (refused.value.code, refused.value.retry_after) == ("account_busy", 1)
    await service.check(account)


async def test_a_decision_that_contradicts_the_books_keeps_nobody_else_waiting(service: Any) -> None:
    account = await service.open()
    service.tick("100")
    broken = await service.order(account, quantity=10, price="99")
    other = await service.order(account, quantity=10, price="98")
    await service.settle_in()
    state, stored = service.matcher._present(), await service.stored(broken.id)
    state.decided.append(Decision([fill_of(stored, f"too-much-{stored.id}", 11, service)]))
    await service.cancel(account.user_id, other.id)
    await service.settle_in()
    assert (await service.stored(broken.id)).filled == 0
    assert (await service.stored(other.id)).state is OrderState.CANCELLED
    await service.check(account)


async def test_a_superseded_matcher_writes_nothing(service: Any) -> None:
    account = await service.open()
    service.tick("100")
    placed = await service.order(account, quantity=10, price="99")
    await service.settle_in()
    async with service.work() as work:
        await work.take_fence()
        await work.commit()
    service.tick("100")
    service.tick("98")
    with pytest.raises(Superseded):
        await service.matcher.flush()
    assert (await service.stored(placed.id)).state is OrderState.OPEN
    await service.check(account)


def fill_of(stored: Any, name: str, quantity: int, service: Any) -> OrderEvent:
    at = service.market.now_ + timedelta(seconds=1)
    fill = Fill(name, str(stored.id), str(stored.account_id), "NSE:A", Side.BUY, quantity, Decimal(99), at, maker=True)
    return OrderEvent(str(stored.id), EventKind.PARTIAL_FILL, at, "traded_through", "filled", fill=fill)


async def test_l_08_fills_twice_late_and_beyond_the_order(service: Any) -> None:
    """A fill that comes twice is booked once; one after a cancellation is let in; too much of one raises an alarm."""
    account = await service.open()
    service.tick("100")
    placed = await service.order(account, quantity=10, price="99")
    await service.settle_in()
    stored = await service.stored(placed.id)
    recorder, fence = service.matcher._recorder, service.matcher._present().fence
    once = Decision([fill_of(stored, f"one-{stored.id}", 4, service)])
    await recorder.record(fence, [once])
    after = await service.balances(account)
    await recorder.record(fence, [once])
    assert await service.balances(account) == after
    assert (await service.stored(placed.id)).filled == 4
    with pytest.raises(Conflict) as refused:
        await recorder.record(fence, [Decision([fill_of(stored, f"two-{stored.id}", 7, service)])])
    assert refused.value.code == "over_fill"
    assert await service.balances(account) == after
    await service.cancel(account.user_id, placed.id)
    await service.settle_in()
    await recorder.record(fence, [Decision([fill_of(stored, f"late-{stored.id}", 2, service)])])
    late = await service.stored(placed.id)
    assert (late.state, late.filled) == (OrderState.CANCELLED, 6)
    await service.check(account)


async def test_l_11_money_is_exact_at_the_edges(service: Any) -> None:
    """The smallest tick, a thousand million shares, and charges that do not divide: every entry sums to zero."""
    account = await service.open("1000000000.00", plan="icici_prime_299")
    service.tick("0.05", spread="0")
    await service.order(account, quantity=999_999_999, price="0.05")
    await service.settle_in()
    service.tick("0.05", quantity=2_000_000_000, spread="0")
    service.tick("0.05", quantity=2_000_000_000, spread="0")
    await service.settle_in()
    await service.check(account)
    notes = await service.read.contract_notes(account.user_id, account.id, None)
    booked = await service.balances(account)
    for note in notes:
        for charge, value in note.lines.items():
            assert booked.get(ledger.CHARGES[charge], Decimal(0)) == value
    assert notes
