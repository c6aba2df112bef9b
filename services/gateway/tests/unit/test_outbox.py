"""The outbox: in order while the client keeps up, latest per key when it does not, closed when it is hopeless."""

import asyncio
import json

from gateway_service.application.outbox import Outbox
from gateway_service.application.parcels import Parcel, bundle


def parcel(body: str, key: str | None = None) -> Parcel:
    raw = json.dumps(body).encode()
    return Parcel(key, raw, len(raw))


def taken(outbox: Outbox) -> list[str]:
    frame = outbox.take()
    return [] if frame is None else json.loads(frame)


def test_one_frame_is_a_json_array_in_order() -> None:
    outbox = Outbox()
    for text in ("a", "b", "c"):
        outbox.post(parcel(text, "same"))
    assert taken(outbox) == ["a", "b", "c"]
    assert outbox.take() is None
    assert outbox.waiting_bytes == 0


def test_a_slow_client_gets_the_latest_of_each_key() -> None:
    outbox = Outbox(limit=10_000, conflate_above=200)
    for number in range(100):
        outbox.post(parcel(f"a{number}", "a"))
        outbox.post(parcel(f"b{number}", "b"))
    seen = taken(outbox)
    assert seen[-2:] == ["a99", "b99"]
    assert len(seen) < 60
    assert outbox.conflated == 200 - len(seen)


def test_what_has_no_key_is_never_conflated() -> None:
    outbox = Outbox(limit=10_000, conflate_above=100)
    for number in range(100):
        outbox.post(parcel(f"tick{number}", "tick"))
        if number % 10 == 0:
            outbox.post(parcel(f"order{number}"))
    assert [text for text in taken(outbox) if text.startswith("order")] == [f"order{n}" for n in range(0, 100, 10)]


def test_a_newer_parcel_stands_behind_what_came_in_between() -> None:
    outbox = Outbox(limit=10_000, conflate_above=1)
    outbox.post(parcel("forming 1", "bar"))
    outbox.post(parcel("closed 1"))
    outbox.post(parcel("forming 2", "bar"))
    assert taken(outbox) == ["closed 1", "forming 2"]


def test_a_hopeless_client_is_given_up_once_and_costs_no_more_memory() -> None:
    calls: list[int] = []
    outbox = Outbox(limit=1_000, conflate_above=100, on_overflow=lambda: calls.append(1))
    for number in range(5_000):
        outbox.post(parcel(f"order {number}"))
        assert outbox.waiting_bytes <= 1_000
    assert calls == [1]
    assert outbox.overflowed
    assert outbox.take() is None


def test_conflation_never_loses_the_last_value_of_a_key() -> None:
    outbox = Outbox(limit=100_000, conflate_above=50)
    last: dict[str, str] = {}
    for number in range(3_000):
        key = f"k{number % 37}"
        last[key] = f"{key}={number}"
        outbox.post(parcel(last[key], key))
    assert set(last.values()) <= set(taken(outbox))


def test_a_bundle_is_sent_whole_and_conflated_in_its_parts() -> None:
    def post(outbox: Outbox, times: int) -> None:
        for number in range(times):
            outbox.post(bundle([parcel(f"a{number}", "a"), parcel(f"gap{number}"), parcel(f"b{number}", "b")]))

    quick, slow = Outbox(), Outbox(conflate_above=20)
    post(quick, 2)
    assert taken(quick) == ["a0", "gap0", "b0", "a1", "gap1", "b1"]
    post(slow, 2)
    assert taken(slow) == ["gap0", "a1", "gap1", "b1"]
    assert slow.conflated == 2


async def test_wait_returns_when_something_waits() -> None:
    outbox = Outbox()
    waiting = asyncio.create_task(outbox.wait())
    await asyncio.sleep(0)
    assert not waiting.done()
    outbox.post(parcel("a"))
    await asyncio.wait_for(waiting, 60)


def test_prepared_bytes_go_past_the_queue_only_while_nothing_waits_in_it() -> None:
    written: list[bytes] = []
    taking = True

    def express(frame: bytes) -> bool:
        if taking:
            written.append(frame)
        return taking

    outbox = Outbox()
    assert not outbox.idle
    outbox.express = express
    assert outbox.idle
    assert outbox.write(b"[1]")
    outbox.post(parcel("b"))
    assert not outbox.idle
    assert taken(outbox) == ["b"]
    assert outbox.idle
    outbox.sending_since = 1.0
    assert not outbox.idle
    outbox.sending_since = None
    taking = False
    assert not outbox.write(b"[2]")
    assert written == [b"[1]"]
