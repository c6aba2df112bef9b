"""On which days an instrument was not there to be traded, by what the masters say."""

from datetime import date, timedelta

from breezeway.contracts.instruments import Instrument, ListedInstrument


def not_listed(instrument: Instrument, day: date) -> str | None:
    """Why `instrument` was not listed on `day`: `before_listing`, `delisted` or `expired`; None if it may have been."""
    if instrument.expiry is not None and day > instrument.expiry:
        return "expired"
    if isinstance(instrument, ListedInstrument):
        if instrument.not_listed_until is not None and day <= instrument.not_listed_until:
            return "before_listing"
        if instrument.delisted_on is not None and day >= instrument.delisted_on:
            return "delisted"
    return None


def listed_days(instrument: Instrument, first: date, last: date) -> tuple[date, date]:
    """The part of [first, last] in which `instrument` may have been listed; empty if it ends before it starts."""
    if instrument.expiry is not None:
        last = min(last, instrument.expiry)
    if isinstance(instrument, ListedInstrument):
        if instrument.not_listed_until is not None:
            first = max(first, instrument.not_listed_until + timedelta(days=1))
        if instrument.delisted_on is not None:
            last = min(last, instrument.delisted_on - timedelta(days=1))
    return first, last
