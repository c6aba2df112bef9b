"""The market-wide breakers: which move halts trading when, and for how long."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from breezeway.clock import IST
from breezeway.errors import Misconfigured
from breezeway.exchange.breakers import Breakers, BreakerTable, Halt

NIFTY, SENSEX = "NSE_INDEX:NIFTY", "BSE_INDEX:SENSEX"
BEFORE = Decimal(25_000)
MIDNIGHT = "00:00:00"


def at(clock: str, day: str = "2026-11-20") -> datetime:
    return datetime.fromisoformat(f"{day}T{clock}").replace(tzinfo=IST).astimezone(UTC)


def clock(moment: datetime) -> str:
    return f"{moment.astimezone(IST):%H:%M:%S}"


def moved(percent: str) -> Decimal:
    return BEFORE * (100 + Decimal(percent)) / 100


@pytest.mark.parametrize(
    ("percent", "began", "entry", "resumes"),
    [
        ("-10", "09:20:00", "10:05:00", "10:20:00"),
        ("-10", "12:59:59", "13:44:59", "13:59:59"),
        ("-10", "13:00:00", "13:15:00", "13:30:00"),
        ("-14.99", "14:29:59", "14:44:59", "14:59:59"),
        ("-15", "12:59:59", "14:44:59", "14:59:59"),
        ("-15", "13:00:00", "13:45:00", "14:00:00"),
        ("-19.99", "13:59:59", "14:44:59", "14:59:59"),
        ("-15", "14:00:00", MIDNIGHT, MIDNIGHT),
        ("-20", "09:20:00", MIDNIGHT, MIDNIGHT),
        ("-20", "15:10:00", MIDNIGHT, MIDNIGHT),
        # The levels are moves in either direction.
        ("10", "09:20:00", "10:05:00", "10:20:00"),
    ],
)
def test_a_level_halts_for_as_long_as_the_time_of_day_says(percent: str, began: str, entry: str, resumes: str) -> None:
    halt = BreakerTable.default().halt(NIFTY, moved(percent), BEFORE, at(began))
    assert halt is not None
    assert (clock(halt.began), clock(halt.entry), clock(halt.resumes)) == (began, entry, resumes)


@pytest.mark.parametrize(
    ("percent", "when"),
    [
        ("-9.99", at("12:00:00")),
        ("-10", at("14:30:00")),
        ("-14.9", at("15:00:00")),
        ("-20", at("12:00:00", "2010-01-04")),
    ],
)
def test_what_halts_nothing(percent: str, when: datetime) -> None:
    assert BreakerTable.default().halt(NIFTY, moved(percent), BEFORE, when) is None
    assert BreakerTable.default().halt(NIFTY, moved(percent), Decimal(0), when) is None


def test_a_level_is_met_once_a_day_and_by_whichever_index_is_first() -> None:
    breakers = Breakers(BreakerTable.default())
    first = breakers.on_index(SENSEX, moved("-11"), BEFORE, at("10:00:00"))
    assert first is not None
    assert (first.index, first.percent) == (SENSEX, Decimal(10))
    assert breakers.on_index(NIFTY, moved("-16"), BEFORE, at("10:10:00")) is None, "it is halted already"
    assert breakers.at(at("10:59:59")) == first, "the pre-open is part of it"
    assert breakers.at(at("11:00:00")) is None
    assert breakers.on_index(NIFTY, moved("-12"), BEFORE, at("11:00:00")) is None
    second = breakers.on_index(NIFTY, moved("-15"), BEFORE, at("11:01:00"))
    assert second is not None
    assert second.percent == 15
    # A new day has a new close to move from.
    assert breakers.on_index(NIFTY, moved("-10"), BEFORE, at("10:00:00", "2026-11-23")) is not None


def test_a_fall_through_two_levels_uses_both_up() -> None:
    breakers = Breakers(BreakerTable.default())
    halt = breakers.on_index(NIFTY, moved("-15.5"), BEFORE, at("09:30:00"))
    assert halt is not None
    assert halt.percent == 15
    assert breakers.on_index(NIFTY, moved("-13"), BEFORE, halt.resumes + timedelta(minutes=1)) is None


def test_halts_that_others_saw_count() -> None:
    known = BreakerTable.default().halt(NIFTY, moved("-10"), BEFORE, at("10:00:00"))
    assert known is not None
    breakers = Breakers(BreakerTable.default(), [known])
    assert breakers.at(at("10:30:00")) == known
    assert breakers.on_index(NIFTY, moved("-10"), BEFORE, at("11:30:00")) is None


def test_it_says_what_it_is() -> None:
    halt = Halt(NIFTY, Decimal(10), at("10:00:00"), at("10:45:00"), at("11:00:00"))
    assert "NSE_INDEX:NIFTY moved 10 % from its last close at 10:00:00" in halt.text
    assert "take orders again from 10:45:00 and trade from 11:00:00" in halt.text
    assert "rest of the day" in Halt(NIFTY, Decimal(20), at("10:00:00"), at("23:59:59"), at("23:59:59")).text


@pytest.mark.parametrize(
    "text",
    [
        "[]",
        "version: 1\nindices: []\nsegments: [NOWHERE]\nrules: []",
        "version: 1\nindices: []\nsegments: []\nrules: [{from: soon, pre_open_minutes: 15, levels: []}]",
        "version: 1\nindices: []\nsegments: []\nrules:\n"
        "  - {from: 2026-01-01, pre_open_minutes: 15, levels: [{percent: ten, halts: []}]}",
        "version: 1\nindices: []\nsegments: []\nrules:\n"
        '  - {from: 2026-01-01, pre_open_minutes: 15, levels: [{percent: "10", halts: [{before: "13:00"}]}]}',
    ],
)
def test_a_malformed_table_is_refused(text: str) -> None:
    with pytest.raises(Misconfigured) as refused:
        BreakerTable.parse(text)
    assert refused.value.code == "invalid_breaker_table"
