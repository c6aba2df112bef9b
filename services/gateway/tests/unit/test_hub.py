"""First in, last out, and nobody reaches Redis for a page reload."""

import asyncio
import json
from collections.abc import Sequence

from gateway_service.application.hub import Hub
from gateway_service.application.parcels import MOST_BYTES, Parcel


class FakeBroker:
    def __init__(self) -> None:
        self.calls: list[tuple[str, list[str]]] = []
        self.gate = asyncio.Event()
        self.gate.set()

    async def subscribe(self, topics: Sequence[str]) -> None:
        await self.gate.wait()
        self.calls.append(("subscribe", sorted(topics)))

    async def unsubscribe(self, topics: Sequence[str]) -> None:
        self.calls.append(("unsubscribe", sorted(topics)))


class Ear:
    """Hears parcels, and frames while `idle`."""

    def __init__(self, *, idle: bool = False, room: bool = True) -> None:
        self.heard: list[bytes] = []
        self.frames: list[bytes] = []
        self.idle = idle
        self.room = room

    def write(self, frame: bytes) -> bool:
        if self.room:
            self.frames.append(frame)
        return self.room

    def post(self, parcel: Parcel) -> None:
        self.heard.append(parcel.body)


class Time:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


async def test_the_first_in_subscribes_and_the_second_does_not() -> None:
    broker, time = FakeBroker(), Time()
    hub = Hub(broker, time=time)
    one, two = Ear(), Ear()
    await hub.join(1, {"a": one, "b": one})
    await hub.join(2, {"b": two})
    assert broker.calls == [("subscribe", ["a", "b"])]
    hub.broadcast("b", b"x")
    hub.broadcast("nobody", b"x")
    hub.flush()
    assert (one.heard, two.heard) == ([b"x"], [b"x"])


async def test_the_last_out_unsubscribes_after_a_pause() -> None:
    broker, time = FakeBroker(), Time()
    hub = Hub(broker, linger=1.0, time=time)
    await hub.join(1, {"a": Ear()})
    hub.leave(1, ["a", "unknown"])
    time.now = 0.9
    await hub.sweep()
    assert broker.calls == [("subscribe", ["a"])]
    time.now = 1.0
    await hub.sweep()
    assert broker.calls[1:] == [("unsubscribe", ["a"])]
    assert hub.topics == 0


async def test_a_reload_does_not_reach_the_broker() -> None:
    broker, time = FakeBroker(), Time()
    hub = Hub(broker, linger=1.0, time=time)
    await hub.join(1, {"a": Ear()})
    hub.leave(1, ["a"])
    time.now = 0.5
    await hub.join(2, {"a": Ear()})
    time.now = 5
    await hub.sweep()
    assert broker.calls == [("subscribe", ["a"])]


async def test_who_comes_second_waits_until_the_broker_has_answered_the_first() -> None:
    broker, time = FakeBroker(), Time()
    hub = Hub(broker, time=time)
    broker.gate.clear()
    first = asyncio.create_task(hub.join(1, {"a": Ear()}))
    await asyncio.sleep(0)
    second = asyncio.create_task(hub.join(2, {"a": Ear()}))
    await asyncio.sleep(0.01)
    assert not second.done()
    broker.gate.set()
    await asyncio.gather(first, second)
    assert broker.calls == [("subscribe", ["a"])]


async def test_a_topic_that_is_left_while_it_is_being_subscribed_is_not_forgotten() -> None:
    broker, time = FakeBroker(), Time()
    hub = Hub(broker, linger=1.0, time=time)
    broker.gate.clear()
    joining = asyncio.create_task(hub.join(1, {"a": Ear()}))
    await asyncio.sleep(0)
    hub.leave(1, ["a"])
    broker.gate.set()
    await joining
    time.now = 2
    await hub.sweep()
    assert broker.calls == [("subscribe", ["a"]), ("unsubscribe", ["a"])]


async def test_a_listener_may_be_replaced_while_it_is_called() -> None:
    hub = Hub(FakeBroker(), time=Time())
    later = Ear()

    class Once:
        def post(self, parcel: Parcel) -> None:
            hub.replace(1, "a", later)

    await hub.join(1, {"a": Once()})
    await hub.join(2, {"a": Ear()})
    hub.broadcast("a", b"1")
    hub.flush()
    hub.broadcast("a", b"2")
    hub.flush()
    assert later.heard == [b"2"]


async def test_topics_with_the_same_listeners_share_one_parcel_and_others_do_not() -> None:
    hub = Hub(FakeBroker(), time=Time())
    one, two, three = Ear(), Ear(), Ear()
    await hub.join(1, {"a": one, "b": one})
    await hub.join(2, {"a": two, "b": two})
    await hub.join(3, {"c": three})
    for name, body in (("a", b"1"), ("c", b"2"), ("b", b"3"), ("a", b"4")):
        hub.broadcast(name, body)
    assert one.heard == []
    hub.flush()
    assert (one.heard, two.heard, three.heard) == ([b"1,3,4"], [b"1,3,4"], [b"2"])
    assert one.heard[0] is two.heard[0]


async def test_an_idle_listener_gets_one_frame_a_flush_and_equal_ones_are_made_once() -> None:
    hub = Hub(FakeBroker(), time=Time(), wire=lambda array: b"!" + array)
    one, two, three = Ear(idle=True), Ear(idle=True), Ear(idle=True)
    busy, full = Ear(), Ear(idle=True, room=False)
    await hub.join(1, {"a": one, "b": one})
    await hub.join(2, {"a": two, "b": two})
    await hub.join(3, {"a": three, "c": three})
    await hub.join(4, {"b": busy})
    await hub.join(5, {"c": full})
    for name, body in (("a", b"1"), ("c", b"2"), ("b", b"3")):
        hub.broadcast(name, body)
    hub.flush()
    assert [len(ear.frames) for ear in (one, two, three)] == [1, 1, 1]
    assert three.frames == [b"![1,2]"]
    assert one.frames == two.frames == [b"![1,3]"]
    assert (busy.heard, full.heard, full.frames) == ([b"3"], [b"2"], [])
    hub.broadcast("b", b"4")
    busy.idle = True
    hub.flush()
    assert one.frames[1] is two.frames[1] is busy.frames[0]
    assert (hub.messages, hub.deliveries) == (4, 11)


async def test_who_comes_or_goes_changes_who_hears() -> None:
    hub = Hub(FakeBroker(), time=Time())
    one, two = Ear(), Ear()
    await hub.join(1, {"a": one, "b": one})
    await hub.join(2, {"a": two, "b": two})
    for step in (b"1", b"2", b"3"):
        hub.broadcast("a", step)
        hub.broadcast("b", step)
        if step == b"2":
            hub.leave(2, ["b"])
        if step == b"3":
            await hub.join(2, {"b": two})
        hub.flush()
    assert sorted(one.heard) == [b"1,1", b"2", b"2", b"3,3"]
    assert two.heard == [b"1,1", b"2", b"3,3"]


async def test_the_first_message_after_a_pause_leaves_at_once_and_the_next_ones_together() -> None:
    loop = asyncio.get_running_loop()
    hub = Hub(FakeBroker(), flush_seconds=0.05, time=loop.time)
    ear = Ear()
    await hub.join(1, {"a": ear})
    hub.broadcast("a", b"1")
    await asyncio.sleep(0.01)
    assert ear.heard == [b"1"]
    hub.broadcast("a", b"2")
    await asyncio.sleep(0.01)
    hub.broadcast("a", b"3")
    assert ear.heard == [b"1"]
    await asyncio.sleep(0.08)
    assert ear.heard == [b"1", b"2,3"]


class Narrow(Ear):
    """Takes so many frames and no more."""

    def __init__(self, frames: int) -> None:
        super().__init__(idle=True)
        self._most = frames

    def write(self, frame: bytes) -> bool:
        self.room = len(self.frames) < self._most
        return super().write(frame)


async def test_a_flush_too_long_for_one_frame_leaves_as_several_and_what_is_refused_waits_in_order() -> None:
    hub = Hub(FakeBroker(), time=Time(), wire=lambda array: array)
    wide, other, narrow = Ear(idle=True), Ear(idle=True), Narrow(1)
    await hub.join(1, {"a": wide})
    await hub.join(2, {"a": other, "b": other})
    await hub.join(3, {"a": narrow})
    bodies = [b'"%02d' % number + b"x" * 50_000 + b'"' for number in range(12)]
    for body in bodies:
        hub.broadcast("a", body)
    hub.broadcast("b", b'"last"')
    hub.flush()
    assert len(wide.frames) == 3
    assert max(map(len, wide.frames)) <= MOST_BYTES + 2
    assert [part for frame in wide.frames for part in json.loads(frame)] == [json.loads(body) for body in bodies]
    assert other.frames[:2] == wide.frames[:2]
    assert json.loads(other.frames[2])[-1] == "last"
    assert (wide.heard, other.heard) == ([], [])
    assert narrow.frames == wide.frames[:1]
    assert b"".join(narrow.heard) == b"".join(frame[1:-1] for frame in wide.frames[1:])


async def test_a_hub_that_is_late_keeps_the_newest_of_each_topic_once_for_all() -> None:
    hub = Hub(FakeBroker(), time=Time())
    ears = [Ear() for _ in range(3)]
    for number, ear in enumerate(ears):
        await hub.join(number, {"a": ear, "b": ear})
    tick = b'{"seq":%d,"pad":"' + b"x" * 10_000 + b'","type":"tick"}'
    for number in range(150):
        hub.broadcast("a", tick % number)
    hub.broadcast("b", b'{"type":"gap"}')
    hub.flush()
    for ear in ears:
        assert [body[:10] for body in ear.heard] == [b'{"seq":149']
        assert ear.heard[0].endswith(b'{"type":"gap"}')
    assert (hub.conflated, hub.deliveries) == (149 * 3, 2 * 3)
