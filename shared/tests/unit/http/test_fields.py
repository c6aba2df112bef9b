"""What callers may write for a day and for a moment."""

from datetime import UTC, date, datetime

import pytest
from pydantic import TypeAdapter, ValidationError

from breezeway.http.fields import Day, Moment


def test_a_day_is_written_out() -> None:
    assert TypeAdapter(Day).validate_python("2026-11-24") == date(2026, 11, 24)


@pytest.mark.parametrize("text", ["0", "1795478400", "2026-11-24T00:00:00", "24-11-2026", ""])
def test_nothing_else_is_a_day(text: str) -> None:
    with pytest.raises(ValidationError):
        TypeAdapter(Day).validate_python(text)


@pytest.mark.parametrize("text", ["2026-11-20", "2026-11-20T00:00:00+05:30", "2026-11-19T18:30:00Z", "1795113000"])
def test_a_moment_may_be_written_in_three_ways(text: str) -> None:
    assert TypeAdapter(Moment).validate_python(text) == datetime(2026, 11, 19, 18, 30, tzinfo=UTC)


@pytest.mark.parametrize("text", ["2026-11-20T10:00:00", "yesterday", "2026-13-01"])
def test_a_moment_needs_its_offset(text: str) -> None:
    with pytest.raises(ValidationError):
        TypeAdapter(Moment).validate_python(text)
