"""kill -9 at each step of a live order's way: the broker is asked for nothing twice, and we end where it is."""

import json
import os
import random
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any, Final
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
KILLS: Final = [*((step, False) for step in STEPS), ("calling", True), ("calling", True)]
"""A round: every step, and twice the middle of the call."""
ORDERS: Final = 4
"""Orders that are under way in a process when it is killed; any of them may be the one at whose step that happens."""
DAYS_ROUNDS: Final = 2
"""Rounds of one customer before another one goes on: whoever looks for an order reads the whole day's book."""
LIFES_BETWEEN: Final = 16
"""Kills at most before somebody recovers what they left."""
MOST_LIFES: Final = 3
SOAK = int(os.environ.get("BREEZEWAY_KILLS", "160"))
"""Orders that are under way in processes that are killed at one step."""
WISHES: Final = ("place", "modify", "cancel")
HERE: Final = {"Ordered": {"open"}, "Cancelled": {"cancelled"}, "Executed": {"open", "filled"}}
"""What an order of the broker's may be here. Nobody listens for executions in these tests."""


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
    assert process.wait(120) == 0
    process.stdout.close()


@dataclass
class Drill:
    """Rounds of kills of one account, and what they left at the broker and here."""

    live: Any
    simulated: Any
    life: Callable[[dict[str, Any]], int]
    database: str
    wish: str
    chance: random.Random
    at_once: int = ORDERS
    calls: list[dict[str, Any]] = field(default_factory=list)

    def rounds(self, number: int) -> None:
        """Kill at every step and in the middle of the call, and let somebody recover, `number` times."""
        job = {
            **self.simulated.job(self.live),
            "database_url": self.database,
            "wish": self.wish,
            "orders": self.at_once,
        }
        kills = KILLS * number
        for first in range(0, len(kills), LIFES_BETWEEN):
            before = self.simulated.process.mark()
            for step, during in kills[first : first + LIFES_BETWEEN]:
                self._kill(job | {"step": step, "nth": self.chance.randint(1, self.at_once)}, during=during)
            assert self.life(job) == 0, "recovery"
            # The ring of the simulator's journal reaches back for so long and no longer.
            self.calls += self.simulated.process.calls(before)

    def _kill(self, job: dict[str, Any], *, during: bool) -> None:
        if during:
            # It may have ended before.
            assert self.life(job | {"delay": self.chance.uniform(0.001, LONGEST_CALL)}) in (KILLED, 0)
            return
        # Where the machine is so busy that a statement times out, an order does not get as far as its step.
        codes = []
        while not codes or (codes[-1] == 0 and len(codes) < MOST_LIFES):
            codes.append(self.life(job | {"delay": 0}))
        assert codes[-1] == KILLED, f"{codes} at {job['step']}"

    async def orders(self) -> list[Any]:
        """The account's orders, with what the broker calls them."""
        query = sa.text("SELECT id FROM orders WHERE account_id = :account")
        async with self.live.service.engine.connect() as connection:
            ids = [UUID(str(each)) for each in await connection.scalars(query, {"account": self.live.account.id})]
        async with PostgresLive(self.live.service.engine) as work:
            return [(await work.order(each), await work.route(each)) for each in ids]

    def at_broker(self) -> list[dict[str, Any]]:
        """All orders of the customer."""
        found = self.simulated.process.control("GET", f"orders?user_id={self.simulated.process.user_id}")
        return list(found["items"])

    async def check(self) -> int:
        """Nothing was asked for twice, the broker has what works here and no more, and both agree on what became of
        it; how many orders that were."""
        assert not self.asked_twice()
        orders, book = await self.orders(), self.at_broker()
        there = {row["user_remark"]: row for row in book}
        assert len(there) == len(book), "the broker has an order twice"
        for stored, route in orders:
            row = there.pop(tag_of(stored.order), None)
            if row is None:
                assert stored.state.value == "rejected", stored
                continue
            assert stored.state.value in HERE[row["status"]], (stored, row)
            assert (route.broker_order_id, stored.order.price) == (row["order_id"], Decimal(row["price"])), (
                stored,
                row,
            )
        assert not there, "the broker has orders that nobody knows"
        return len(orders)

    def asked_twice(self) -> dict[tuple[str, str], int]:
        """What the broker was asked for more than once: method, and tag or the broker's own number of the order."""
        # A call without fields is one of which the broker had read too little when its sender died.
        fields = [(each["method"], each["fields"]) for each in self.calls if each.get("fields")]
        asked = Counter((method, body.get("order_id") or body["user_remark"]) for method, body in fields)
        return {what: times for what, times in asked.items() if times > 1}


@pytest.fixture
def drill(live: Any, trader: Any, template_database: str) -> Callable[[Any, str], Drill]:
    """Makes drills with a simulator."""

    def make(simulated: Any, wish: str) -> Drill:
        return Drill(live, simulated, trader, template_database, wish, random.Random(wish))

    return make


@pytest.mark.parametrize("wish", WISHES)
async def test_no_kill_makes_a_second_mutation(drill: Any, broker_simulator: Any, wish: str) -> None:
    """At every step and in the middle of the call of placing, changing and cancelling: after a restart the broker was
    asked once at most, and every order is what it is at the broker."""
    broker_simulator.process.another_customer()
    killed = drill(broker_simulator, wish)
    killed.at_once = 1
    killed.rounds(1)
    assert await killed.check()


@pytest.mark.soak
@pytest.mark.parametrize("wish", WISHES)
async def test_no_kill_of_many_makes_a_second_mutation(live: Any, drill: Any, broker_simulator: Any, wish: str) -> None:
    """The same again and again, with BREEZEWAY_KILLS orders under way in the processes that are killed at each step."""
    rounds = -(-SOAK // ORDERS)
    killed, left, orders = drill(broker_simulator, wish), rounds, 0
    while left:
        now = min(left, DAYS_ROUNDS)
        broker_simulator.process.another_customer()
        await live.another_account()
        killed.calls.clear()
        killed.rounds(now)
        orders += await killed.check()
        left -= now
    # Of each round, all but what died before it was written down.
    assert orders >= rounds * ORDERS * (len(KILLS) - 2)


@pytest.mark.soak
async def test_no_kill_makes_a_second_order_when_the_broker_loses_the_tags(
    drill: Any, forgetful_simulator: Any
) -> None:
    """The same with a broker whose book has no remarks: orders are found by their terms."""
    killed = drill(forgetful_simulator, "place")
    killed.rounds(max(1, SOAK // ORDERS // 4))
    orders, book = await killed.orders(), killed.at_broker()
    assert not killed.asked_twice()
    # Orders of the same terms stand in for each other: there are as many at the broker as work here.
    states = Counter(stored.state.value for stored, _ in orders)
    assert set(states) <= {"open", "filled", "rejected"}
    assert states.total() - states["rejected"] == len(book)
    assert len({row["user_remark"] for row in book}) == len(book), "the broker has an order twice"
