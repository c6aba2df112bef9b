"""Faults end by time, by count or by hand; the journal is a bounded, numbered ring."""

from breeze_simulator.application.faults import FaultKind, FaultOrder, Faults
from breeze_simulator.application.journal import Journal, masked
from breezeway.testing.clock import FixedClock


def test_a_fault_ends_by_time(wall: FixedClock) -> None:
    faults = Faults(wall)
    faults.add(FaultOrder(FaultKind.MUTE, seconds=5))
    assert faults.take(FaultKind.MUTE) is not None
    wall.advance(5)
    assert faults.take(FaultKind.MUTE) is None
    assert not faults.any


def test_a_fault_ends_by_count(wall: FixedClock) -> None:
    faults = Faults(wall)
    faults.add(FaultOrder(FaultKind.HTTP_ERROR, count=2))
    taken = [faults.take(FaultKind.HTTP_ERROR) for _ in range(3)]
    assert [fault is not None for fault in taken] == [True, True, False]


def test_filters_by_path_and_user(wall: FixedClock) -> None:
    faults = Faults(wall)
    faults.add(FaultOrder(FaultKind.SLOW, path="/api/v2", user_id="A"))
    assert faults.take(FaultKind.SLOW, path="/breezeapi/api/v1/quotes", user_id="A") is None
    assert faults.take(FaultKind.SLOW, path="/api/v2/historicalcharts", user_id="B") is None
    assert faults.take(FaultKind.SLOW, path="/api/v2/historicalcharts", user_id=None) is None
    assert faults.take(FaultKind.SLOW, user_id="A") is None
    assert faults.take(FaultKind.SLOW, path="/api/v2/historicalcharts", user_id="A") is not None


def test_clearing_ends_all(wall: FixedClock) -> None:
    faults = Faults(wall)
    faults.add(FaultOrder(FaultKind.MUTE))
    faults.add(FaultOrder(FaultKind.SLOW))
    faults.add(FaultOrder(FaultKind.DISCONNECT))  # acts at once, so it is never in force
    assert faults.clear() == 2
    assert faults.active() == ()


def test_the_journal_is_read_from_any_number_on(wall: FixedClock) -> None:
    journal = Journal(wall, capacity=3)
    assert journal.since(0, 10) == []
    for n in range(1, 6):
        journal.record("http", n=n)
    assert [entry["seq"] for entry in journal.since(0, 10)] == [3, 4, 5]
    assert [entry["n"] for entry in journal.since(4, 10)] == [5]
    assert [entry["n"] for entry in journal.since(0, 2)] == [3, 4]
    assert journal.since(5, 10) == []
    assert journal.since(99, 10) == []
    assert journal.since(3, 10)[0]["at"] == "2026-08-03T05:00:00.000000Z"


def test_secrets_are_masked() -> None:
    assert masked({"apisession": "12345678", "SessionToken": "x", "api_key": "k", "interval": "1minute"}) == {
        "apisession": "***",
        "SessionToken": "***",
        "api_key": "k",
        "interval": "1minute",
    }
