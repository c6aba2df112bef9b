"""Marks of known devices: ours, for one address, for half a year."""

from datetime import UTC, datetime, timedelta

import pytest

from auth_service.adapters.device_marks import SignedDeviceMarks
from auth_service.domain.sign_ins import DEVICE_KNOWN_FOR
from breezeway.testing.clock import FixedClock

EMAIL = "asha@example.com"


@pytest.fixture
def clock() -> FixedClock:
    return FixedClock(datetime(2026, 11, 20, 6, 0, tzinfo=UTC))


def test_a_mark_names_one_device_of_one_address(clock: FixedClock) -> None:
    marks = SignedDeviceMarks(b"secret", clock)
    mark = marks.make(EMAIL)
    device = marks.device_of(mark, EMAIL)
    assert device is not None
    assert marks.device_of(marks.make(EMAIL), EMAIL) != device
    assert marks.device_of(mark, "ravi@example.com") is None
    assert EMAIL not in mark
    assert SignedDeviceMarks(b"another secret", clock).device_of(mark, EMAIL) is None
    clock.advance((DEVICE_KNOWN_FOR - timedelta(seconds=1)).total_seconds())
    assert marks.device_of(mark, EMAIL) == device
    clock.advance(1)
    assert marks.device_of(mark, EMAIL) is None


@pytest.mark.parametrize("place", range(0, 90, 7))
def test_a_changed_mark_is_nobodys(clock: FixedClock, place: int) -> None:
    marks = SignedDeviceMarks(b"secret", clock)
    mark = marks.make(EMAIL)
    changed = mark[:place] + ("A" if mark[place] != "A" else "B") + mark[place + 1 :]
    assert marks.device_of(changed, EMAIL) is None


@pytest.mark.parametrize("mark", ["", "a", "é" * 91, "A" * 91, "A" * 92, "%%%%", "\ud800"])
def test_nonsense_is_nobodys(clock: FixedClock, mark: str) -> None:
    assert SignedDeviceMarks(b"secret", clock).device_of(mark, EMAIL) is None
