"""The same ticks, orders and seed make the same fills, to the byte."""

import hashlib
from collections.abc import Iterator
from random import Random
from typing import Any
from uuid import UUID

import pytest
import sqlalchemy as sa

from breezeway.errors import BreezewayError
from breezeway.exchange.orders import Amendment
from trading_service.application import accounts, reception

TRADES = "SELECT * FROM trades WHERE account_id = :id ORDER BY seq"
EVENTS = """
SELECT e.kind, e.state, e.code, e.text, e.at, e.details FROM order_events e
JOIN orders o ON o.id = e.order_id WHERE o.account_id = :id ORDER BY e.id
"""


def ids() -> Iterator[UUID]:
    chance = Random(11)
    while True:
        yield UUID(int=chance.getrandbits(128), version=4)


async def day(service: Any, seed: int) -> list[UUID]:
    """Two accounts trade on a random walk; where every choice falls is the seed's."""
    chance = Random(seed)
    traders = [await service.open("1000000.00", "icici_prime_299") for _ in range(2)]
    placed = []
    for step in range(120):
        price = f"{100 + chance.randint(-40, 40) * 0.05:.2f}"
        service.tick(price, quantity=chance.randint(1, 40), spread=chance.choice(["0", "0.05", "0.10"]))
        if step % 2:
            side, product = chance.choice(["buy", "sell"]), chance.choice(["cnc", "mis"])
            limit = f"{float(price) + chance.randint(-3, 3) * 0.05:.2f}"
            try:
                order = await service.order(
                    chance.choice(traders), side, chance.randint(1, 60), chance.choice([limit, None]), product=product
                )
                placed.append(order)
            except BreezewayError:
                continue
        if placed and step % 7 == 0:
            order = chance.choice(placed)
            try:
                if step % 2:
                    await service.cancel(traders[0].user_id, order.id)
                else:
                    await service.modify(traders[0].user_id, order.id, Amendment(quantity=chance.randint(1, 80)))
            except BreezewayError:
                continue
        await service.settle_in()
    return [each.id for each in traders]


async def told(service: Any, traders: list[UUID]) -> tuple[str, int]:
    """Everything that is stored about the trades and the events, but our own serial numbers and wall time."""
    digest, count = hashlib.sha256(), 0
    async with service.engine.connect() as connection:
        for trader in traders:
            for row in await connection.execute(sa.text(TRADES), {"id": trader}):
                values = {name: value for name, value in row._mapping.items() if name != "seq"}
                digest.update(repr(values).encode())
                count += 1
            for row in await connection.execute(sa.text(EVENTS), {"id": trader}):
                digest.update(repr(tuple(row)).encode())
    return digest.hexdigest(), count


async def test_the_same_day_twice_makes_the_same_bytes(fresh_database: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """On two databases; another seed makes another day."""
    found = []
    for seed in (5, 5, 6):
        other = await fresh_database()
        names = ids()
        for module in (accounts, reception):
            monkeypatch.setattr(module, "new_id", lambda names=names: next(names))
        found.append(await told(other, await day(other, seed)))
        await other.engine.dispose()
    assert found[0] == found[1]
    assert found[0] != found[2]
    assert found[0][1] > 10, "the day has hardly traded"
