"""Orders that come at once share a transaction, and none of them notices the others."""

import asyncio
from collections import Counter
from dataclasses import replace
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest
import sqlalchemy as sa

from breezeway.clock import SystemClock
from breezeway.contracts.trading import OrderView
from breezeway.errors import BreezewayError, Conflict, InvalidInput, NotFound, RateLimited, UpstreamUnavailable
from breezeway.exchange.orders import OrderState
from breezeway.testing.eventually import eventually
from trading_service.application.desk import DeskRules
from trading_service.application.placing import PlaceOrder
from trading_service.application.reception import MOST

STRANGER = UUID(int=7)


class Commits:
    """Counts the transactions that place orders."""

    def __init__(self, service: Any, monkeypatch: pytest.MonkeyPatch) -> None:
        self.orders: list[int] = []
        reception = service.place._reception
        whole = reception._work

        def counting() -> Any:
            work = whole()
            receive = work.receive

            async def counted(received: Any) -> None:
                await receive(received)
                self.orders.append(len(received))

            work.receive = counted
            return work

        monkeypatch.setattr(reception, "_work", counting)


async def outcome(call: Any) -> str:
    """What became of an order: its state, or the code of its refusal."""
    try:
        placed: OrderView = await call
    except BreezewayError as error:
        return error.code
    return placed.state


async def test_orders_of_the_same_moment_share_transactions(service: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    accounts = [await service.open() for _ in range(4)]
    commits = Commits(service, monkeypatch)
    placed = await asyncio.gather(*(service.order(accounts[n % 4], quantity=n + 1) for n in range(2 * MOST)))
    assert len({each.id for each in placed}) == 2 * MOST
    assert sum(commits.orders) == 2 * MOST
    assert max(commits.orders) <= MOST
    assert len(commits.orders) < MOST
    await service.settle_in()
    for account in accounts:
        await service.check(account)


async def test_each_order_of_a_batch_has_an_outcome_of_its_own(service: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    rich, poor = await service.open(), await service.open("150.00")
    first = await service.order(rich, client_order_id="taken")
    commits = Commits(service, monkeypatch)
    outcomes = await asyncio.gather(
        *(
            outcome(call)
            for call in (
                service.order(rich, quantity=2),
                service.order(rich, client_order_id="taken"),
                service.order(poor, quantity=1),
                service.order(poor, quantity=1),
                service.order(rich, "sell", quantity=5),
                service.order(rich, price="100.01"),
                service.order(rich, client_order_id="twice"),
                service.order(rich, client_order_id="twice"),
            )
        )
    )
    assert outcomes == [
        "new",
        "duplicate_client_order_id",
        "new",
        "insufficient_funds",
        "insufficient_holdings",
        "tick_size",
        "new",
        "duplicate_client_order_id",
    ]
    assert sum(commits.orders) == 3
    assert len(commits.orders) == 1
    assert (await service.stored(first.id)).state is OrderState.NEW
    for account in (rich, poor):
        await service.check(account)


async def test_commands_and_messages_keep_the_order_of_the_batch(service: Any) -> None:
    account = await service.open()
    placed = await asyncio.gather(*(service.order(account, quantity=n + 1) for n in range(30)))
    async with service.work() as work:
        commands = await work.commands(100)
        messages = await work.waiting(100)
    assert [each.order_id for each in commands] == [each.id for each in placed]
    assert [each.message["id"] for each in messages] == [str(each.id) for each in placed]


async def test_a_fault_of_one_order_is_not_the_others(service: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """The database refuses the whole batch; apart, only the one that is at fault is refused."""
    account, other = await service.open(), await service.open()
    async with service.engine.begin() as connection:
        # Behind the service's back: the balances say more than the ledger's check will let pass.
        await connection.execute(
            sa.text("UPDATE ledger_balances SET amount = 1 WHERE account_id = :id AND name = 'cash'"),
            {"id": other.id},
        )
    reception = service.place._reception
    whole = reception._work

    def lying() -> Any:
        work = whole()
        balances_of = work.balances_of

        async def told(ids: Any) -> Any:
            found = await balances_of(ids)
            if other.id in found:
                found[other.id]["cash"] = Decimal(10_000)
            return found

        work.balances_of = told
        return work

    monkeypatch.setattr(reception, "_work", lying)
    outcomes = await asyncio.gather(
        service.order(account), service.order(other), service.order(account), return_exceptions=True
    )
    assert [isinstance(each, OrderView) for each in outcomes] == [True, False, True]
    assert (await service.balances(other)).get("margin") is None
    await service.check(account)


async def test_nobody_waits_for_an_account_that_others_hold(service: Any) -> None:
    held, free = await service.open(), await service.open()
    async with service.work() as holder:
        await holder.lock_account(held.id)
        stuck = [asyncio.create_task(service.order(held)) for _ in range(3)]
        await asyncio.sleep(0.05)
        placed = await asyncio.wait_for(asyncio.gather(*(service.order(free) for _ in range(5))), 4)
        assert len(placed) == 5
        assert not any(each.done() for each in stuck)
    assert len({each.id for each in await asyncio.gather(*stuck)}) == 3


async def test_batches_of_two_processes_do_not_block_each_other(service: Any) -> None:
    """Both lock the same accounts, named in opposite orders."""
    first = service.place
    second = replace(service, place=PlaceOrder(service.work, first._desk, service.market, SystemClock()))
    accounts = [await service.open() for _ in range(6)]

    async def place(process: Any, several: Any) -> Counter[str]:
        calls = (outcome(process.order(each)) for each in several for _ in range(10))
        return Counter(await asyncio.gather(*calls))

    both = asyncio.gather(place(service, accounts), place(second, accounts[::-1]))
    assert await asyncio.wait_for(both, 60) == [Counter({"new": 60}), Counter({"new": 60})]


async def test_l_05_a_storm_of_deadlocks_costs_no_order(service: Any) -> None:
    """L-05: somebody locks the same accounts the other way round, again and again, and PostgreSQL always ends our
    transaction, never theirs. The orders of a batch that was ended go in one by one, and nobody is told of it."""
    first, second = sorted([await service.open(), await service.open()], key=lambda account: account.id)
    lock = sa.text("SELECT 1 FROM trading_accounts WHERE id = :id FOR UPDATE")
    calm = asyncio.Event()

    async def hostile() -> int:
        rounds = 0
        while not calm.is_set():
            async with service.engine.begin() as connection:
                # Who waits for shorter before looking for a deadlock is the one that is ended.
                await connection.execute(sa.text("SET LOCAL deadlock_timeout = '30s'"))
                await connection.execute(lock, {"id": second.id})
                await asyncio.sleep(0.02)
                await connection.execute(lock, {"id": first.id})
            rounds += 1
            await asyncio.sleep(0.05)
        return rounds

    storm = asyncio.create_task(hostile())
    outcomes: Counter[str] = Counter()
    for _ in range(4):
        placing = (outcome(service.order(account)) for account in (first, second) * 10)
        outcomes += Counter(await asyncio.gather(*placing))
    calm.set()
    assert await storm
    assert outcomes == {OrderState.NEW: 80}

    async def were_ended() -> bool:
        query = sa.text("SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()")
        async with service.engine.connect() as connection:
            return bool(await connection.scalar(query))

    await eventually(were_ended, 30)
    await service.settle_in()
    for account in (first, second):
        await service.check(account)


async def test_a_caller_who_leaves_takes_nothing_back(service: Any) -> None:
    account = await service.open()
    leaving = asyncio.create_task(service.order(account, client_order_id="left"))
    staying = asyncio.create_task(service.order(account, client_order_id="stayed"))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    leaving.cancel()
    await staying

    async def both() -> bool:
        async with service.work() as work:
            return {each.order.client_order_id for each in await work.working_orders(account.id)} == {"left", "stayed"}

    await eventually(both, 60)
    await service.check(account)


async def test_a_key_used_by_others_of_the_batch_is_answered_with_their_order(service: Any) -> None:
    account, rich = await service.open(), await service.open(user=STRANGER)
    placed = await asyncio.gather(
        *(service.order(account, key="k") for _ in range(20)), *(service.order(rich, key="k") for _ in range(20))
    )
    assert Counter(Counter(each.id for each in placed).values()) == {20: 2}
    with pytest.raises(InvalidInput) as refused:
        await service.order(account, quantity=7, key="k")
    assert refused.value.code == "idempotency_key_reused"


async def test_the_rate_counts_each_order_of_a_batch(service: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    account = await service.open()
    monkeypatch.setattr(service.place._desk, "rules", DeskRules(requests_per_second=3))
    reception = service.place._reception
    now = reception._wall.now()
    monkeypatch.setattr(reception, "_wall", type("Stopped", (), {"now": lambda _self: now})())
    outcomes = await asyncio.gather(*(outcome(service.order(account)) for _ in range(8)))
    assert Counter(outcomes) == {"new": 3, "order_rate": 5}
    with pytest.raises(RateLimited):
        await service.order(account)


async def test_strangers_neither_lock_nor_count_an_account(service: Any) -> None:
    account = await service.open()
    async with service.work() as holder:
        await holder.lock_account(account.id)
        stranger = replace(account, user_id=STRANGER)
        with pytest.raises(NotFound):
            await asyncio.wait_for(service.order(stranger), 4)


async def test_l_04_a_lost_connection_is_a_503_for_all_and_nothing_is_sent_twice(
    service: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The connection breaks after the server has committed: nobody is told that it worked, and a repetition under the
    same key finds what was committed."""
    account = await service.open()
    reception = service.place._reception
    whole = reception._work

    def breaking() -> Any:
        work = whole()
        commit = work.commit

        async def committed_but_not_told() -> None:
            await commit()
            raise ConnectionResetError("the server closed the connection")

        work.commit = committed_but_not_told
        return work

    monkeypatch.setattr(reception, "_work", breaking)
    outcomes = await asyncio.gather(
        *(service.order(account, key=f"k{n}", client_order_id=f"c{n}") for n in range(5)), return_exceptions=True
    )
    assert all(isinstance(each, UpstreamUnavailable) and each.code == "database_unavailable" for each in outcomes)
    monkeypatch.setattr(reception, "_work", whole)
    async with service.work() as work:
        committed = {each.order.client_order_id: each.id for each in await work.working_orders(account.id)}
    assert len(committed) == 5
    for n in range(5):
        again = await service.order(account, key=f"k{n}", client_order_id=f"c{n}")
        assert again.id == committed[f"c{n}"]
        with pytest.raises(Conflict):
            await service.order(account, client_order_id=f"c{n}")
    async with service.work() as work:
        assert len(await work.working_orders(account.id)) == 5
    await service.check(account)
