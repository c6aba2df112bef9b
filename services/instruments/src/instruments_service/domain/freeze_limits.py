"""The most that one order may ask for, by underlying and day."""

from collections.abc import Iterable
from datetime import date
from typing import NamedTuple

from instruments_service.domain.listing import Intake


class FreezeLimit(NamedTuple):
    """Orders for contracts of `underlying` above `quantity` units are frozen from `first` on."""

    exchange: str
    underlying: str
    first: date
    quantity: int


class FreezeLimits:
    """Effective-dated limits; of two for one underlying and day the later given one counts.

    Args:
        version: changes whenever the limits do.
    """

    def __init__(self, limits: Iterable[FreezeLimit], version: str) -> None:
        self.version = version
        self._limits = sorted(limits, key=lambda limit: limit.first)

    def on(self, day: date) -> dict[tuple[str, str], int]:
        """Quantities by exchange and underlying."""
        return {(one.exchange, one.underlying): one.quantity for one in self._limits if one.first <= day}

    def apply(self, intake: Intake) -> Intake:
        """The master with its contracts' limits of the master's day."""
        known = self.on(intake.master_date)
        listings = [
            one if limit is None else one._replace(freeze_quantity=limit)
            for one in intake.listings
            for limit in [known.get((one.exchange, one.underlying)) if one.underlying and one.expiry else None]
        ]
        return intake._replace(listings=listings)
