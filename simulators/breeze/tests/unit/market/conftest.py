"""Markets under a wall clock that stands still until a test moves it."""

from collections.abc import Callable
from datetime import UTC, date, datetime, time, timedelta
from typing import Protocol

import pytest

from breeze_simulator.adapters.master_zip import PackedMaster
from breeze_simulator.application.generated_files import GeneratedFiles
from breeze_simulator.application.market import Market
from breeze_simulator.domain.clock import SimClock
from breeze_simulator.domain.sessions import Sessions
from breeze_simulator.domain.underlyings import NoSource, PriceSource
from breezeway.market_calendar.calendar import MarketCalendar


class HandWall:
    """A wall clock moved by hand."""

    def __init__(self) -> None:
        self.moment = datetime(2026, 11, 21, 4, 0, tzinfo=UTC)

    def now(self) -> datetime:
        return self.moment

    def pass_seconds(self, seconds: float) -> None:
        self.moment += timedelta(seconds=seconds)


class MakeMarket(Protocol):
    def __call__(
        self, *, seed: int = ..., day: date = ..., at: time = ..., speed: float = ..., source: PriceSource = ...
    ) -> Market: ...


@pytest.fixture
def wall() -> HandWall:
    return HandWall()


@pytest.fixture(scope="session")
def sessions() -> Sessions:
    return Sessions(MarketCalendar.default())


@pytest.fixture(scope="session")
def packed(sessions: Sessions) -> Callable[[int, PriceSource], PackedMaster]:
    """Masters by seed and source, shared between tests because making one takes a second."""
    made: dict[tuple[int, int], PackedMaster] = {}

    def give(seed: int, source: PriceSource) -> PackedMaster:
        key = (seed, 0 if isinstance(source, NoSource) else id(source))
        if key not in made:
            made[key] = PackedMaster(GeneratedFiles(seed, sessions, source))
        return made[key]

    return give


@pytest.fixture
def make_market(wall: HandWall, sessions: Sessions, packed: Callable[[int, PriceSource], PackedMaster]) -> MakeMarket:
    def make(
        *,
        seed: int = 7,
        day: date = date(2026, 11, 20),
        at: time = time(9, 15),
        speed: float = 1.0,
        source: PriceSource | None = None,
    ) -> Market:
        source = source or NoSource()
        clock = SimClock(wall, sessions, day=day, speed=speed)
        clock.set(day=day, at=at)
        return Market(clock, packed(seed, source), sessions, source, seed=seed)

    return make
