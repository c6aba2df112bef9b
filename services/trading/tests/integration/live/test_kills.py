"""kill -9 at each step of an order's way to the broker: the simulator's book never has it twice."""

import json
import os
import random
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
import sqlalchemy as sa

from trading_service.adapters.db.live import PostgresLive
from trading_service.application.live_ports import STEPS
from trading_service.application.live_words import tag_of

TRADER = Path(__file__).with_name("dying_trader.py")
KILLED = -9
LONGEST_CALL = 0.03
"""Seconds within which a call to the simulator is under way; the kill comes at random within them."""


@pytest.fixture
def trader() -> Iterator[Any]:
    """Runs one life of a trading process; its exit code."""
    process = subprocess.Popen([sys.executable, str(TRADER)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert process.stdin is not None
    assert process.stdout is not None

    def life(job: dict[str, Any]) -> int:
        process.stdin.write(json.dumps(job) + "\n")  # type: ignore[union-attr]
        process.stdin.flush()  # type: ignore[union-attr]
        while not (line := process.stdout.readline()).startswith("{"):  # type: ignore[union-attr]
            assert line, "the trader has ended"
        return int(json.loads(line)["status"])

    yield life
    process.stdin.close()
    assert process.wait(30) == 0
    process.stdout.close()


SOAK = int(os.environ.get("BREEZEWAY_KILLS", "160"))


@pytest.mark.parametrize("rounds", [1, pytest.param(SOAK, marks=pytest.mark.soak)])
async def test_no_kill_makes_a_second_order(
    live: Any, trader: Any, broker_simulator: Any, template_database: str, rounds: int
) -> None:
    """At every step and in the middle of the call: after a restart every order has ended or works, the broker has
    those that work and no others, and none twice."""
    before = broker_simulator.process.mark()
    _kill(trader, broker_simulator.job(live) | {"database_url": template_database}, rounds)
    orders = await _orders(live)
    book = _book(broker_simulator, orders)
    for stored in orders:
        there = book.get(tag_of(stored.order), 0)
        assert (stored.state.value, there) in {("open", 1), ("partially_filled", 1), ("filled", 1), ("rejected", 0)}
    if rounds == 1:  # the simulator's journal of calls does not reach back any further
        assert len(broker_simulator.process.calls(before)) <= len(orders), "an order was sent twice"


@pytest.mark.soak
async def test_no_kill_makes_a_second_order_when_the_broker_loses_the_tags(
    live: Any, trader: Any, forgetful_simulator: Any, template_database: str
) -> None:
    """The same with a broker whose book has no remarks: orders are found by their terms."""
    _kill(trader, forgetful_simulator.job(live) | {"database_url": template_database}, max(1, SOAK // 4))
    orders = await _orders(live)
    book = _book(forgetful_simulator, orders)
    # Orders of the same terms stand in for each other: there are as many at the broker as work here.
    states = Counter(stored.state.value for stored in orders)
    assert set(states) <= {"open", "partially_filled", "filled", "rejected"}
    assert states.total() - states["rejected"] == book.total()


def _kill(trader: Any, job: dict[str, Any], rounds: int) -> None:
    chance = random.Random(rounds)
    kills = [*((step, False) for step in STEPS), ("calling", True), ("calling", True)]
    for _ in range(rounds):
        for step, during in kills:
            code = trader(job | {"step": step, "delay": chance.uniform(0.001, LONGEST_CALL) if during else 0})
            assert code in ((KILLED, 0) if during else (KILLED,)), f"at {step}"
        assert trader(job) == 0, "recovery"


def _book(simulated: Any, orders: list[Any]) -> Counter[str]:
    """How often the broker has each of the orders."""
    tags = {tag_of(stored.order) for stored in orders}
    book = Counter(remark for remark in simulated.process.remarks() if remark in tags)
    assert set(book.values()) == {1}, "the broker has an order twice"
    return book


async def _orders(live: Any) -> list[Any]:
    query = sa.text("SELECT id FROM orders WHERE account_id = :account")
    async with live.service.engine.connect() as connection:
        ids = [UUID(str(each)) for each in await connection.scalars(query, {"account": live.account.id})]
    async with PostgresLive(live.service.engine) as work:
        return [await work.order(each) for each in ids]
