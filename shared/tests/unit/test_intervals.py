"""Intervals: spelling, length and base."""

import pytest

from breezeway.errors import InvalidInput
from breezeway.intervals import Interval, parse_interval


def test_a_minute_is_not_a_month() -> None:
    assert parse_interval("1m") is Interval.MINUTE_1
    assert parse_interval("1M") is Interval.MONTH_1


@pytest.mark.parametrize("text", ["", "1", "2m", "1H", "7d", "1 m", "1y"])
def test_an_unknown_interval_is_refused(text: str) -> None:
    with pytest.raises(InvalidInput) as refusal:
        parse_interval(text)
    assert refusal.value.code == "unsupported_interval"


def test_every_interval_derives_from_a_stored_one_that_divides_it() -> None:
    for interval in Interval:
        base = interval.base
        assert base.base is base
        if interval.seconds is not None:
            assert base.seconds is not None
            assert interval.seconds % base.seconds == 0
    assert Interval.SECOND_5.base is Interval.SECOND_1
    assert Interval.HOUR_4.base is Interval.MINUTE_1
    assert Interval.MONTH_1.base is Interval.DAY_1
    assert Interval.DAY_1.seconds is None
