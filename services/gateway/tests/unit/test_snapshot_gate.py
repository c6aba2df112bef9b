"""Snapshot first, then live, and nothing older than the snapshot after it."""

import json

from breezeway.contracts.stream import CandleMessage, GapMessage, encode
from gateway_service.application.outbox import Outbox
from gateway_service.application.parcels import bundle, parcel, position_of
from gateway_service.application.snapshot_gate import SnapshotGate


def tick(seq: int) -> bytes:
    return b'{"symbol":"NSE:A","seq":%d,"ltp":1.5,"type":"tick"}' % seq


def candle(t: int, *, closed: bool = False) -> bytes:
    return encode(CandleMessage("NSE:A", "1m", t, 1, 2, 1, 2, 10, None, closed))


class Scene:
    def __init__(self) -> None:
        self.outbox = Outbox()
        self.done = 0
        self.gate = SnapshotGate(self.outbox, self._finish)

    def _finish(self) -> None:
        self.done += 1

    def live(self, *bodies: bytes) -> None:
        for body in bodies:
            self.gate.post(parcel("topic", body))

    def sequence(self) -> list[object]:
        frame = self.outbox.take()
        return [m.get("seq", m["type"]) for m in json.loads(frame or b"[]")]


def test_live_messages_wait_for_the_snapshot() -> None:
    scene = Scene()
    scene.live(tick(4), tick(5), tick(6))
    assert scene.sequence() == []
    scene.gate.open(tick(5))
    assert scene.sequence() == [5, 6]
    assert scene.done == 1


def test_a_bundle_is_looked_at_message_by_message() -> None:
    scene = Scene()
    scene.gate.post(bundle([parcel("topic", tick(4)), parcel("topic", tick(6))]))
    scene.gate.open(tick(5))
    scene.gate.post(bundle([parcel("topic", tick(7)), parcel("topic", tick(8))]))
    assert scene.sequence() == [5, 6, 7, 8]


def test_an_older_message_that_comes_after_the_snapshot_is_dropped() -> None:
    scene = Scene()
    scene.gate.open(tick(5))
    scene.live(tick(3), tick(5))
    assert scene.done == 0
    scene.live(tick(6), tick(7))
    assert scene.sequence() == [5, 6, 7]


def test_without_a_snapshot_everything_passes() -> None:
    scene = Scene()
    scene.live(tick(1))
    scene.gate.open(None)
    scene.live(tick(2))
    assert scene.sequence() == [1, 2]


def test_a_gap_lets_positions_begin_anew() -> None:
    scene = Scene()
    scene.gate.open(tick(500))
    scene.live(GapMessage("NSE:A", 1, 2, "takeover").encode(), tick(1))
    assert scene.sequence() == [500, "gap", 1]


def test_bars_are_ordered_by_their_start() -> None:
    scene = Scene()
    scene.gate.open(candle(120))
    scene.live(candle(60, closed=True), candle(180))
    frame = json.loads(scene.outbox.take() or b"[]")
    assert [m["t"] for m in frame] == [120, 180]


def test_a_forming_bar_goes_on_after_its_snapshot() -> None:
    scene = Scene()
    scene.gate.open(candle(120))
    newer = encode(CandleMessage("NSE:A", "1m", 120, 1, 3, 1, 3, 20, None, closed=False))
    scene.live(newer)
    frame = json.loads(scene.outbox.take() or b"[]")
    assert [m["v"] for m in frame] == [10, 20]


def test_positions_are_read_from_the_encoded_bytes() -> None:
    assert position_of(tick(70000001)) == 70000001
    assert position_of(candle(1_700_000_000)) == 1_700_000_000
    assert position_of(b'{"state":"live","type":"feed"}') is None
    assert position_of(b'{"seq":"x"}') is None
