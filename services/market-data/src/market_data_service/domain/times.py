"""Times as callers write them in queries: RFC 3339 with an offset, a day (midnight IST), or epoch seconds."""

import re
from datetime import UTC, date, datetime, time, timedelta
from typing import Final

from breezeway.clock import IST, ist_datetime
from breezeway.errors import FieldFault, InvalidInput

_FRACTION: Final = re.compile(r"[0-9]{1,10}\.[0-9]{1,10}", re.ASCII)
"""Epoch seconds with a fraction, which is cut off: no bar starts within a second."""

_EARLIEST = datetime(1990, 1, 1, tzinfo=UTC)
_LATEST = datetime(2100, 1, 1, tzinfo=UTC)


def parse_time(text: str, field: str) -> datetime:
    """Read a time of the query parameter `field`; the answer is aware.

    Raises:
        InvalidInput: `invalid_time`, for anything else, also for a clock time without an offset: guessing one would
            shift the answer by five and a half hours for half of the callers.
    """
    moment = _read(text.strip())
    if moment is None or not _EARLIEST <= moment < _LATEST:
        message = "use RFC 3339 with an offset, YYYY-MM-DD (midnight IST) or epoch seconds, between 1990 and 2100"
        raise InvalidInput(
            f"{field}: '{text[:40]}' is not a time; {message}.",
            code="invalid_time",
            faults=[FieldFault(field, message)],
        )
    return moment


def ist_date(moment: datetime) -> date:
    """The Indian calendar day of an aware time."""
    return moment.astimezone(IST).date()


def last_day_before(moment: datetime) -> date:
    """The last Indian day that has a moment before `moment`."""
    return ist_date(moment - timedelta(microseconds=1))


def _read(text: str) -> datetime | None:
    try:
        if text.isascii() and text.removeprefix("-").isdigit() and len(text) <= 12:
            return datetime.fromtimestamp(int(text), UTC)
        if _FRACTION.fullmatch(text):
            return datetime.fromtimestamp(int(text.partition(".")[0]), UTC)
        if len(text) == 10:
            return ist_datetime(date.fromisoformat(text), time())
        moment = datetime.fromisoformat(text)
    except (ValueError, OverflowError, OSError):
        return None
    return moment if moment.tzinfo is not None else None
