"""What an operator may set of the matching engine."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta

from breezeway.exchange.market import InstrumentKind
from breezeway.exchange.prices import PROTECTION, Protection


@dataclass(frozen=True, slots=True)
class MatchingSettings:
    """`stale_after`: a market that said nothing for longer fills nothing. `protection`: the reach of market orders."""

    stale_after: timedelta = timedelta(seconds=15)
    protection: Mapping[InstrumentKind, Protection] = field(default_factory=lambda: PROTECTION)
