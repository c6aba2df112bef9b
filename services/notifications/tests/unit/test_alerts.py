"""When an alert fires."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from breezeway.ids import new_id
from notifications_service.domain.alerts import Alert, AlertState, Condition, Reading, Repeat

NOW = datetime(2026, 11, 20, 6, tzinfo=UTC)


def alert(condition: str = "crosses_above", value: str = "100", **more: Any) -> Alert:
    known = {"id": new_id(), "user_id": new_id(), "symbol": "NSE:A", "created_at": NOW, "repeat": Repeat.EVERY}
    return Alert(**{**known, "condition": Condition(condition), "value": Decimal(value), **more})


def run(found: Alert, *prices: str, every: float = 1.0) -> tuple[Alert, list[int]]:
    """The alert after these prices, and at which of them it fired."""
    fired = []
    for place, price in enumerate(prices):
        now = NOW + timedelta(seconds=place * every)
        after = found.after(Reading(Decimal(price), None, None, place), now)
        if after is not None:
            assert after.version == found.version + 1
            fired += [place] * (after.fire_count - found.fire_count)
            found = after
    return found, fired


@pytest.mark.parametrize(
    ("condition", "prices", "fired"),
    [
        ("crosses_above", ["99", "100"], [1]),
        ("crosses_above", ["101", "102"], []),
        ("crosses_above", ["101", "99", "101"], [2]),
        ("crosses_below", ["101", "100"], [1]),
        ("crosses_below", ["99", "98"], []),
        ("crosses", ["99", "100", "99"], []),
        ("crosses", ["99", "101", "100", "99"], [1, 3]),
        ("crosses", ["100", "101"], []),
    ],
)
def test_crossings(condition: str, prices: list[str], fired: list[int]) -> None:
    assert run(alert(condition), *prices)[1] == fired


def test_once_is_once_and_its_event_is_always_the_same() -> None:
    found, fired = run(alert(repeat=Repeat.ONCE), "99", "101", "99", "101")
    assert (fired, found.state, found.fire_count) == ([1], AlertState.FIRED, 1)
    first, _ = run(alert(id=found.id), "99", "101")
    second, _ = run(alert(id=found.id), "99", "101", "99", "101")
    assert found.event_id == first.event_id != second.event_id


def test_a_cool_down_skips_crossings_but_not_the_side() -> None:
    found = alert(repeat=Repeat.COOLDOWN, cooldown_seconds=10)
    assert run(found, "99", "101", "99", "101", "99", "101", every=4.0)[1] == [1, 5]


def test_percent_from_a_base_or_from_the_last_close() -> None:
    found = alert("moves_percent", "5", base=Decimal(200))
    assert run(found, "200", "209", "210", "208", "190")[1] == [2, 4]
    from_close = alert("moves_percent", "5")
    first = from_close.after(Reading(Decimal(1), Decimal("-4.9"), None, 1), NOW)
    assert first is not None
    second = first.after(Reading(Decimal(1), Decimal("-5"), None, 2), NOW)
    assert second is not None
    assert second.fire_count == 1
    assert second.after(Reading(Decimal(1), None, None, 3), NOW) is None


def test_volume_fires_once_a_day() -> None:
    found = alert("volume_above", "1000")
    fired = 0
    for place, volume in enumerate((10, 999, 1000, 5000, 20, 1500)):
        after = found.after(Reading(Decimal(1), None, volume, place), NOW)
        if after is not None:
            fired += after.fire_count - found.fire_count
            found = after
    assert fired == 2


def test_a_tick_from_before_the_last_step_is_not_a_crossing() -> None:
    found, _ = run(alert(), "99", "101")
    assert found.after(Reading(Decimal(99), None, None, 0), NOW) is None


def test_nothing_fires_after_its_end() -> None:
    ending = alert(expires_at=NOW + timedelta(seconds=1))
    found, fired = run(ending, "99", "101")
    assert (fired, found.state) == ([], AlertState.EXPIRED)
    assert found.after(Reading(Decimal(99), None, None, 9), NOW) is None


@given(st.lists(st.sampled_from(["98", "99", "100", "101", "102"]), max_size=30), st.integers(0, 30))
def test_a_restart_anywhere_changes_nothing(prices: list[str], at: int) -> None:
    """What a new process reads is what the old one wrote; seeing a price again changes nothing either."""
    whole = run(alert("crosses"), *prices)[1]
    found = alert("crosses")
    fired = []
    for place, price in enumerate(prices):
        for _ in range(2 if place == at else 1):
            after = found.after(Reading(Decimal(price), None, None, place), NOW)
            if after is not None:
                fired += [place] * (after.fire_count - found.fire_count)
                found = after
    assert fired == whole
