"""Where a page of candles ended, in a form that fits no other query.

A cursor is the epoch second of the first bar that did not fit, a point, and ten digits that are made of the query. Who
sends it with another symbol, interval, end or other columns would get a series of two halves, and is refused instead.
The form is also a number of seconds: clients of earlier versions send `next` as `from`.
"""

import hashlib
import re
from datetime import UTC, datetime
from typing import Final

from breezeway.errors import FieldFault, InvalidInput

_FORM: Final = re.compile(r"([0-9]{1,10})\.([0-9]{10})", re.ASCII)


def make(t: int, query: object) -> str:
    """The cursor of the bar at epoch second `t`.

    Args:
        query: whatever all pages have in common; its `repr` tells queries apart.
    """
    return f"{t}.{_digits(query)}"


def read(cursor: str, query: object) -> datetime:
    """Where the next page starts.

    Raises:
        InvalidInput: `invalid_cursor`, for what `make` has not made of this query.
    """
    found = _FORM.fullmatch(cursor)
    if found is None or found[2] != _digits(query):
        message = "is none that was given with this query"
        raise InvalidInput(
            f"The cursor {message}.", code="invalid_cursor", faults=[FieldFault("query.cursor", message)]
        )
    return datetime.fromtimestamp(int(found[1]), UTC)


def _digits(query: object) -> str:
    digest = hashlib.blake2b(repr(query).encode(), digest_size=8).digest()
    return f"{int.from_bytes(digest) % 10**10:010}"
