"""The words of the calendar: segments, kinds of session, one session."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from types import MappingProxyType

from breezeway.errors import InvalidInput


class Segment(StrEnum):
    """A market with hours of its own. `NSE` and `BSE` are their cash markets, `NFO` and `BFO` equity derivatives.

    MCX closes early for farm produce: `MCX_AGRI_INTL` is what has a price abroad (cotton), `MCX_AGRI` what has none.
    """

    NSE = "NSE"
    BSE = "BSE"
    NFO = "NFO"
    BFO = "BFO"
    CDS = "CDS"
    MCX = "MCX"
    MCX_AGRI_INTL = "MCX_AGRI_INTL"
    MCX_AGRI = "MCX_AGRI"


class SessionKind(StrEnum):
    PRE_OPEN = "pre_open"
    CONTINUOUS = "continuous"
    CLOSING_AUCTION = "closing_auction"
    POST_CLOSE = "post_close"
    SPECIAL = "special"


class Phase(StrEnum):
    """What a market is doing at an instant: the kind of the session that is on, or closed."""

    CLOSED = "closed"
    PRE_OPEN = "pre_open"
    CONTINUOUS = "continuous"
    CLOSING_AUCTION = "closing_auction"
    POST_CLOSE = "post_close"
    SPECIAL = "special"


MCX_SEGMENTS = frozenset({Segment.MCX, Segment.MCX_AGRI_INTL, Segment.MCX_AGRI})
"""The parts of one exchange: what it announces of its days is true of all of them, each at its own hours."""

TRADING_KINDS = frozenset({SessionKind.CONTINUOUS, SessionKind.SPECIAL})
"""Kinds in which orders match continuously, so that bars form."""


@dataclass(frozen=True, slots=True)
class Session:
    """`start` (inclusive) to `end` (exclusive), aware in IST. `name` tells the parts of one kind apart."""

    start: datetime
    end: datetime
    kind: SessionKind
    name: str

    def __contains__(self, moment: datetime) -> bool:
        return self.start <= moment < self.end


_SEGMENTS: Mapping[str, Segment] = MappingProxyType(
    {
        **{segment.value: segment for segment in Segment if segment is Segment.MCX or segment not in MCX_SEGMENTS},
        "NSE_INDEX": Segment.NSE,
        "BSE_INDEX": Segment.BSE,
    }
)


def segment_of(exchange: str) -> Segment:
    """The segment whose hours a canonical exchange keeps; an index keeps those of its cash market.

    Of an instrument ask `MarketCalendar.segment_of`, which knows the commodities that close early.

    Raises:
        InvalidInput: `invalid_symbol`, for an exchange we do not know.
    """
    segment = _SEGMENTS.get(exchange)
    if segment is None:
        raise InvalidInput(f"'{exchange}' is not an exchange.", code="invalid_symbol")
    return segment
