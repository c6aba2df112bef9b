"""Field types that several services take from their callers."""

import re
from datetime import date
from typing import Annotated

from pydantic import BeforeValidator

_DAY = re.compile(r"\d{4}-\d{2}-\d{2}")


def _written_out(value: object) -> object:
    if isinstance(value, str) and not _DAY.fullmatch(value):
        raise ValueError("a day is written YYYY-MM-DD")
    return value


# Pydantic alone takes a number for the seconds since 1970, and an expiry of `0` would find nothing without a word.
Day = Annotated[date, BeforeValidator(_written_out)]
"""A calendar day, `YYYY-MM-DD`."""
