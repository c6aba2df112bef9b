"""What ended things leave in cycles is collected once there is enough of it, not sooner."""

import gc
import weakref
from collections.abc import Iterator

import pytest

from breezeway.garbage import Remains


class Knot:
    """A cycle, which counting references does not free."""

    def __init__(self) -> None:
        self.me = self


@pytest.fixture
def _no_collector() -> Iterator[None]:
    gc.disable()
    yield
    gc.enable()


@pytest.mark.usefixtures("_no_collector")
def test_cycles_are_collected_once_enough_things_have_ended() -> None:
    remains = Remains(enough=3)
    knots = [Knot() for _ in range(3)]
    seen = [weakref.ref(knot) for knot in knots]
    del knots

    remains.add()
    remains.add()
    assert not remains.sweep()
    assert all(reference() is not None for reference in seen)

    remains.add()
    assert remains.sweep()
    assert [reference() for reference in seen] == [None, None, None]
    assert not remains.sweep(), "it counts again from nothing"
