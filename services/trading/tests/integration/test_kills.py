"""L-03: kill -9 of the trading process at each statement of an order's intake and of its fill."""

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from breezeway.exchange.orders import OrderState

KILLED = -9
INTAKE = ("lock_and_count", "balances_of", "answers", "taken_client_ids", "receive", "after receive", "commit")
FILL = (
    *("holds_fence", "lock_accounts_of", "orders_of", "add_trade", "after add_trade", "book", "after book"),
    *("save_position", "save_progress", "after save_progress", "commit"),
)
COMMITTED = "after commit"


@pytest.fixture(scope="module")
def life() -> Iterator[Any]:
    """Runs one life of a trading process; its exit code."""
    script = Path(__file__).with_name("dying_process.py")
    process = subprocess.Popen([sys.executable, str(script)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert process.stdin is not None
    assert process.stdout is not None
    given, said = process.stdin, process.stdout

    def live(job: dict[str, Any]) -> int:
        given.write(json.dumps(job) + "\n")
        given.flush()
        while not (line := said.readline()).startswith('{"status"'):
            assert line, "the process has ended"
        return int(json.loads(line)["status"])

    yield live
    given.close()
    assert process.wait(30) == 0
    said.close()


def job(account: Any, url: str, act: str, step: str) -> dict[str, Any]:
    names = {"user": str(account.user_id), "account": str(account.id), "name": f"{account.id}"}
    return {"database_url": url, "act": act, "step": step, **names}


@pytest.mark.timeout(120)
async def test_l_03_a_kill_while_an_order_is_taken_in(service: Any, life: Any, template_database: str) -> None:
    """All of the order is there or nothing is; the same request again makes exactly one, with one hold."""
    for step in (*INTAKE, COMMITTED):
        account = await service.open("10000.00")
        assert life(job(account, template_database, "place", step)) == KILLED, step
        await service.check(account)
        async with service.work() as work:
            there = await work.working_orders(account.id)
        assert len(there) == (step == COMMITTED), step
        again = await service.order(
            account, quantity=10, price="99", client_order_id=f"{account.id}", key=f"{account.id}"
        )
        assert not there or again.id == there[0].id
        await service.settle_in()
        async with service.work() as work:
            orders = await work.working_orders(account.id)
        assert [(each.id, each.state) for each in orders] == [(again.id, OrderState.OPEN)], step
        assert (await service.balances(account))["margin"] == orders[0].hold
        await service.check(account)


@pytest.mark.timeout(120)
async def test_l_03_a_kill_while_a_fill_is_written(service: Any, life: Any, template_database: str) -> None:
    """The fill is there whole or not at all; the next worker fills what is not, and releases the hold."""
    for step in (*FILL, COMMITTED):
        await service.start_over()
        account = await service.open("10000.00")
        service.tick("100")
        placed = await service.order(account, quantity=10, price="99")
        await service.settle_in()
        assert life(job(account, template_database, "fill", step)) == KILLED, step
        await service.check(account)
        found = await service.stored(placed.id)
        assert found.state is (OrderState.FILLED if step == COMMITTED else OrderState.OPEN), step
        await service.restart()
        for price in ("100", "98"):
            service.tick(price)
        await service.settle_in()
        assert (await service.stored(placed.id)).state is OrderState.FILLED, step
        trades, _ = await service.read.trades(account.user_id, account.id, None, 10)
        assert len(trades) == 1
        assert (await service.balances(account)).get("margin", 0) == 0
        await service.check(account)
