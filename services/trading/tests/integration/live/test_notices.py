"""The broker's notifications out of a real Redis: all of them, from where the reader stopped, or none."""

from breezeway.bus.durable import KEPT, DurableChannels
from breezeway.embedded.valkey import EmbeddedValkey
from breezeway.ids import new_id
from breezeway.redis.client import connect
from trading_service.adapters.redis.notices import DurableNotices


async def test_a_reader_gets_everything_once_and_is_told_what_was_lost(valkey: EmbeddedValkey) -> None:
    redis, user = connect(valkey.url), new_id()
    channel, notices = DurableChannels(redis), DurableNotices(redis)
    assert (await notices.since(user, None)).complete
    for number in range(3):
        await channel.append(user, "orders", {"type": "broker_order", "n": number})
    first = await notices.since(user, None)
    assert [message["n"] for _, message in first.messages] == [0, 1, 2]
    middle = first.messages[0][0]
    assert [message["n"] for _, message in (await notices.since(user, middle)).messages] == [1, 2]
    assert (await notices.since(user, first.place)).messages == []
    # More than the channel keeps has come since.
    for number in range(KEPT + 1):
        await channel.append(user, "orders", {"type": "broker_order", "n": number})
    late = await notices.since(user, middle)
    assert (late.complete, late.messages) == (False, [])
    assert late.place.offset == 3 + KEPT + 1
    # Redis has forgotten everything: another epoch.
    await redis.flushdb()
    await channel.append(user, "orders", {"type": "broker_order", "n": 0})
    assert not (await notices.since(user, late.place)).complete
    await redis.aclose()
