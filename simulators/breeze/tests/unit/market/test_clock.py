"""Exchange time: live in market hours, a looping replay otherwise."""

from collections.abc import Callable
from datetime import UTC, date, datetime, time
from typing import Any

import pytest

from breeze_simulator.domain.clock import SimClock
from breeze_simulator.domain.sessions import Sessions
from breezeway.clock import IST


def ist(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=IST)


def at(wall: Any, text: str) -> None:
    wall.moment = ist(text).astimezone(UTC)


@pytest.fixture
def clock(wall: Any, sessions: Sessions) -> Callable[..., SimClock]:
    return lambda **given: SimClock(wall, sessions, **given)


def test_auto_is_the_wall_clock_while_a_session_runs(wall: Any, clock: Callable[..., SimClock]) -> None:
    at(wall, "2026-11-20T10:00:00")
    exchange = clock(speed=5.0)
    wall.pass_seconds(60)
    assert exchange.now() == ist("2026-11-20T10:01:00")
    assert not exchange.mapping().replay


def test_auto_replays_the_last_session_when_nothing_trades(wall: Any, clock: Callable[..., SimClock]) -> None:
    at(wall, "2026-11-21T09:00:00")  # a Saturday
    exchange = clock(speed=10.0)
    assert exchange.now() == ist("2026-11-20T09:15:00")
    wall.pass_seconds(6)
    assert exchange.now() == ist("2026-11-20T09:16:00")
    assert exchange.mapping().replay


def test_auto_goes_over_to_live_at_the_open_and_to_replay_at_the_close(
    wall: Any, clock: Callable[..., SimClock]
) -> None:
    at(wall, "2026-11-20T09:14:59")
    exchange = clock()
    assert exchange.now().date() == date(2026, 11, 19)
    wall.pass_seconds(1)
    assert exchange.now() == ist("2026-11-20T09:15:00")
    at(wall, "2026-11-20T15:39:59")
    assert exchange.now() == ist("2026-11-20T15:39:59")
    wall.pass_seconds(1)
    assert exchange.now() == ist("2026-11-20T09:15:00")


@pytest.mark.parametrize("speed", [1.0, 7.0, 600.0])
def test_a_replay_starts_over_at_the_end_of_the_day(wall: Any, clock: Callable[..., SimClock], speed: float) -> None:
    exchange = clock(day=date(2026, 11, 20), speed=speed)
    length = (15 * 60 + 40 - 9 * 60 - 15) * 60
    wall.pass_seconds(length / speed)
    assert exchange.now() == ist("2026-11-20T09:15:00")
    wall.pass_seconds(3.5 * length / speed)
    shown = exchange.now()
    assert shown.date() == date(2026, 11, 20)
    assert abs((shown - ist("2026-11-20T12:27:30")).total_seconds()) < 0.1


def test_setting_the_clock_keeps_what_is_not_given(wall: Any, clock: Callable[..., SimClock]) -> None:
    exchange = clock(day=date(2026, 11, 20))
    wall.pass_seconds(3600)
    exchange.set(speed=60.0)
    assert exchange.now() == ist("2026-11-20T10:15:00")
    wall.pass_seconds(60)
    assert exchange.now() == ist("2026-11-20T11:15:00")
    exchange.set(at=time(14, 0))
    assert exchange.now() == ist("2026-11-20T14:00:00")
    exchange.set(day=date(2026, 3, 17))
    assert exchange.now().date() == date(2026, 3, 17)
    exchange.set(mode="wall")
    assert exchange.now() == wall.now()


def test_another_speed_goes_on_from_where_an_automatic_replay_is(wall: Any, clock: Callable[..., SimClock]) -> None:
    at(wall, "2026-11-21T09:00:00")  # a Saturday
    exchange = clock()
    wall.pass_seconds(3600)
    exchange.set(speed=60.0)
    assert exchange.mode == "auto"
    assert exchange.now() == ist("2026-11-20T10:15:00")
    wall.pass_seconds(60)
    assert exchange.now() == ist("2026-11-20T11:15:00")
    exchange.set(mode="auto")
    assert exchange.now() == ist("2026-11-20T09:15:00")


def test_a_special_session_is_replayed_from_its_own_open(wall: Any, clock: Callable[..., SimClock]) -> None:
    exchange = clock(day=date(2024, 11, 1), speed=60.0)
    assert exchange.now() == ist("2024-11-01T18:00:00")
    wall.pass_seconds(70)
    assert exchange.now() == ist("2024-11-01T18:00:00")
