"""Moments as users write them, as the API reads them."""

from datetime import date, datetime
from typing import TypeAlias

from breezeway.clock import IST
from breezeway.errors import InvalidInput

Moment: TypeAlias = datetime | date | int | str
"""A `datetime` (without a zone it is Indian time), a `date` (midnight in India), epoch seconds, or what the API itself
reads: RFC 3339, `YYYY-MM-DD`, digits."""


def wire(moment: Moment | None) -> str | None:
    """The query parameter for a moment."""
    match moment:
        case None | str():
            return moment
        case datetime():
            return (moment if moment.tzinfo is not None else moment.replace(tzinfo=IST)).isoformat()
        case date():
            return moment.isoformat()
        case bool():
            raise InvalidInput("A moment is a datetime, a date, epoch seconds or a text, not a bool.")
        case int():
            return str(moment)
