"""What waits to be read: bounded, conflated where that is harmless, never dropped where it is not."""

import asyncio
from typing import Any

import pytest

from breezeway.client.buffer import Buffer
from breezeway.client.messages import Raw


def tick(symbol: str, seq: int) -> Raw:
    return {"type": "tick", "symbol": symbol, "seq": seq}


def bar(symbol: str, close: float, *, closed: bool) -> Raw:
    return {"type": "candle", "symbol": symbol, "interval": "1m", "c": close, "closed": closed}


async def drain(buffer: Buffer) -> list[Any]:
    found = []
    while len(buffer):
        found.append(await buffer.get())
    return found


async def test_with_room_everything_comes_in_order() -> None:
    buffer = Buffer(10, "conflate")
    sent = [tick("A", 1), tick("A", 2), {"type": "order"}, tick("B", 1)]
    for raw in sent:
        await buffer.put(raw)
    assert await drain(buffer) == sent
    assert buffer.conflated == 0


async def test_full_only_the_newest_of_each_instrument_is_kept() -> None:
    buffer = Buffer(2, "conflate")
    for seq in range(1, 50):
        await buffer.put(tick("A", seq))
        await buffer.put(tick("B", seq))
    # Two fit; each instrument may have one more.
    assert len(buffer) <= 4
    found = await drain(buffer)
    assert [raw["seq"] for raw in found if raw["symbol"] == "A"][-1] == 49
    assert [raw["seq"] for raw in found if raw["symbol"] == "B"][-1] == 49
    assert buffer.conflated + len(found) == 98


async def test_a_closed_bar_is_kept_and_what_follows_a_gap_does_not_overtake_it() -> None:
    buffer = Buffer(3, "conflate")
    await buffer.put(bar("A", 1.0, closed=False))
    await buffer.put(bar("A", 1.5, closed=True))
    await buffer.put({"type": "gap", "symbol": "A"})
    await buffer.put(bar("A", 2.0, closed=False))
    await buffer.put(bar("A", 3.0, closed=False))
    assert [raw.get("c") for raw in await drain(buffer)] == [1.0, 1.5, None, 3.0]


@pytest.mark.parametrize(("policy", "raw"), [("conflate", {"type": "order"}), ("wait", tick("A", 3))])
async def test_full_the_reader_of_the_network_waits(policy: Any, raw: Raw) -> None:
    buffer = Buffer(2, policy)
    await buffer.put(tick("A", 1))
    await buffer.put({"type": "order"})
    putting = asyncio.create_task(buffer.put(raw))
    await asyncio.sleep(0.02)
    assert not putting.done()
    await buffer.get()
    await asyncio.wait_for(putting, 60)
    assert (await drain(buffer))[-1] == raw


async def test_the_end_comes_after_what_was_received() -> None:
    buffer = Buffer(5, "conflate")
    await buffer.put(tick("A", 1))
    buffer.end(ValueError("over"))
    buffer.end()
    assert await buffer.get() == tick("A", 1)
    with pytest.raises(ValueError, match="over"):
        await buffer.get()


async def test_a_waiting_consumer_is_woken_by_a_message_and_by_the_end() -> None:
    buffer = Buffer(5, "conflate")
    getting = asyncio.create_task(buffer.get())
    await asyncio.sleep(0.01)
    await buffer.put(tick("A", 1))
    assert await asyncio.wait_for(getting, 60) == tick("A", 1)
    getting = asyncio.create_task(buffer.get())
    await asyncio.sleep(0.01)
    buffer.end()
    assert await asyncio.wait_for(getting, 60) is None
