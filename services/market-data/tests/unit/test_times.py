"""Times as callers write them."""

from datetime import UTC, date, datetime

import pytest

from breezeway.clock import IST
from breezeway.errors import InvalidInput
from market_data_service.domain.times import ist_date, last_day_before, parse_time


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2026-11-20", datetime(2026, 11, 20, tzinfo=IST)),
        ("2026-11-20T09:15:00+05:30", datetime(2026, 11, 20, 9, 15, tzinfo=IST)),
        ("2026-11-20T03:45:00Z", datetime(2026, 11, 20, 9, 15, tzinfo=IST)),
        ("1795146300", datetime.fromtimestamp(1795146300, UTC)),
        ("1795146300.9876543210", datetime.fromtimestamp(1795146300, UTC)),
        (" 2026-11-20 ", datetime(2026, 11, 20, tzinfo=IST)),
    ],
)
def test_reads(text: str, moment: datetime) -> None:
    assert parse_time(text, "query.from") == moment


@pytest.mark.parametrize(
    "text",
    [
        "",
        "now",
        "2026-13-01",
        "2026-11-20T09:15:00",
        "1e9",
        "٢٠٢٦",
        "-5",
        "1.",
        ".5",
        "1795146300.12345678901",
        "999999999999",
        "2026-11-20T",
        "NaN",
    ],
)
def test_refuses(text: str) -> None:
    with pytest.raises(InvalidInput) as refusal:
        parse_time(text, "query.from")
    assert refusal.value.code == "invalid_time"
    assert refusal.value.faults[0].field == "query.from"


def test_a_range_that_ends_at_midnight_does_not_touch_the_next_day() -> None:
    midnight = datetime(2026, 11, 20, tzinfo=IST)
    assert ist_date(midnight) == date(2026, 11, 20)
    assert last_day_before(midnight) == date(2026, 11, 19)
