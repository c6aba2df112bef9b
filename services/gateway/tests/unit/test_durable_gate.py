"""A durable channel at one client: once, in order, or told."""

import json
from typing import Any

from gateway_service.application.durable_gate import DurableGate
from gateway_service.application.outbox import Outbox
from gateway_service.application.parcels import parcel
from gateway_service.application.stream_ports import History
from gateway_service.domain.commands import Position


def order(offset: int, epoch: str = "e") -> bytes:
    return json.dumps({"offset": offset, "epoch": epoch, "type": "order"}).encode()


class Scene:
    def __init__(self, since: Position | None = None) -> None:
        self.outbox, self.holes = Outbox(), 0
        self.gate = DurableGate("orders", self.outbox, since, self._hole)

    def _hole(self) -> None:
        self.holes += 1

    def live(self, *offsets: int, epoch: str = "e") -> None:
        for offset in offsets:
            self.gate.post(parcel("topic", order(offset, epoch)))

    def open(self, offset: int, *missed: int, complete: bool = True) -> None:
        self.gate.open(History(Position(offset, "e"), [order(n) for n in missed], complete))

    def seen(self) -> list[Any]:
        messages = json.loads(self.outbox.take() or b"[]")
        return [m["offset"] if m["type"] == "order" else m["recovered"] for m in messages]


def test_history_and_live_messages_overlap_without_a_double() -> None:
    scene = Scene(Position(1, "e"))
    scene.live(3, 4, 5)
    scene.open(4, 2, 3, 4)
    scene.live(4, 5, 6)
    assert scene.seen() == [True, 2, 3, 4, 5, 6]
    assert scene.holes == 0


def test_a_hole_is_filled_before_what_follows_it() -> None:
    scene = Scene()
    scene.open(1)
    scene.live(2, 4, 5)
    assert scene.seen() == [True, 2]
    assert (scene.holes, scene.gate.position) == (1, Position(2, "e"))
    scene.open(5, 3, 4, 5)
    assert scene.seen() == [True, 3, 4, 5]


def test_a_new_epoch_is_a_hole_and_the_first_message_of_all_is_none() -> None:
    scene = Scene()
    scene.gate.open(History(Position(0, ""), [], True))
    scene.live(1)
    assert (scene.seen(), scene.holes) == ([True, 1], 0)
    scene.live(1, epoch="f")
    assert (scene.seen(), scene.holes) == ([], 1)


def test_without_history_the_client_is_told_and_live_goes_on() -> None:
    scene = Scene(Position(3, "e"))
    scene.live(7)
    scene.gate.open(None)
    scene.live(8)
    assert scene.seen() == [False, 7, 8]
