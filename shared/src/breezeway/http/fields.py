"""Field types that several services take from their callers."""

import re
from datetime import date
from typing import Annotated

from pydantic import AwareDatetime, BeforeValidator, WithJsonSchema

_DAY = re.compile(r"\d{4}-\d{2}-\d{2}")


def _written_out(value: object) -> object:
    if isinstance(value, str) and not _DAY.fullmatch(value):
        raise ValueError("a day is written YYYY-MM-DD")
    return value


# Pydantic alone takes a number for the seconds since 1970, and an expiry of `0` would find nothing without a word.
Day = Annotated[date, BeforeValidator(_written_out)]
"""A calendar day, `YYYY-MM-DD`."""


def _with_midnight(value: object) -> object:
    return f"{value}T00:00:00+05:30" if isinstance(value, str) and _DAY.fullmatch(value) else value


Moment = Annotated[
    AwareDatetime,
    BeforeValidator(_with_midnight),
    WithJsonSchema(
        {
            "anyOf": [
                {"type": "string", "format": "date-time"},
                {"type": "string", "format": "date"},
                {"type": "number", "description": "Epoch seconds."},
            ]
        }
    ),
]
"""A moment in a query: RFC 3339 with an offset, a day (its Indian midnight), or epoch seconds."""
