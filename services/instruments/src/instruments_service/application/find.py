"""Lists, expiries and single instruments."""

import base64
import binascii
from collections.abc import Iterable
from datetime import date
from decimal import Decimal, InvalidOperation
from urllib.parse import quote

import orjson

from breezeway.clock import IST, Clock
from breezeway.contracts.instruments import Instrument, InstrumentDetail
from breezeway.errors import InvalidInput, NotFound
from instruments_service.application.catalogue import Catalogue, normalise, not_found
from instruments_service.application.ports import InstrumentQueries, ListFilter, Position


class ReadInstruments:
    """Single instruments, filtered lists, expiries."""

    def __init__(self, catalogue: Catalogue, queries: InstrumentQueries, clock: Clock) -> None:
        self._catalogue = catalogue
        self._queries = queries
        self._clock = clock

    async def one(self, asked: str, as_of: date | None) -> InstrumentDetail:
        """An instrument with its aliases, as it is, or as it was on `as_of`.

        Raises:
            NotFound: `instrument_not_found`, or `instrument_not_listed` when it did not exist on that day.
        """
        present: Instrument | None = None
        if as_of is None:
            present = await self._catalogue.resolve(asked)
        else:
            await self._catalogue.require_master()
            present = await self._queries.on_day(normalise(asked), as_of)
            if present is None:
                known = await self._catalogue.resolve_many([asked])
                if not known:
                    raise not_found(asked)
                raise NotFound(f"Our masters of {as_of} and before have no {asked[:80]}.", code="instrument_not_listed")
        former = await self._queries.former_names(present.instrument_id)
        days = await self._queries.listing_days(present.instrument_id)
        return InstrumentDetail(
            **dict(present),
            listed_on=days.listed_on,
            not_listed_until=days.not_listed_until,
            delisted_on=days.delisted_on,
            aliases=_names(present, former),
            as_of=as_of,
        )

    async def page(self, wanted: ListFilter, cursor: str | None, limit: int) -> tuple[list[Instrument], str | None]:
        """One page of a filtered list, contracts by expiry and strike; and the cursor of the next.

        Raises:
            InvalidInput: `invalid_cursor`.
        """
        await self._catalogue.require_master()
        after = _position(cursor) if cursor else None
        items, last = await self._queries.page(wanted, after, limit)
        return items, _cursor(last) if last is not None else None

    async def expiries(self, asked: str, exchange: str) -> tuple[str, list[date]]:
        """The underlying's code, and the days, from today on, on which its contracts expire.

        Args:
            asked: code, ICICI code or symbol of the underlying: `NIFTY`, `CNXBAN`, `NSE:RELIANCE`.

        Raises:
            NotFound: `underlying_not_found`.
        """
        name = normalise(asked).rpartition(":")[2]
        known = [one for one in await self._catalogue.underlyings() if one.exchange == exchange]
        chosen = next((one for one in known if one.code == name), None)
        chosen = chosen or next((one for one in known if one.broker_code.upper() == name), None)
        if chosen is None:
            raise NotFound(
                f"No contract on {exchange} is written on {asked[:80]}. "
                f"Search for it: /api/v1/instruments/search?q={quote(name[:80])}",
                code="underlying_not_found",
            )
        today = self._clock.now().astimezone(IST).date()
        days = await self._queries.expiries(exchange, chosen.code, today)
        return chosen.code, days


def _names(instrument: Instrument, former: Iterable[str]) -> list[str]:
    """Every other name the instrument answers to; the canonical one is `symbol`."""
    exchange, _, code = instrument.symbol.partition(":")
    short = instrument.broker_code.upper()
    stem = instrument.underlying if instrument.expiry is not None and instrument.underlying else code
    names = [f"{exchange}:{short}{code.removeprefix(stem)}"]
    if instrument.broker_token:
        names.append(instrument.broker_token)
    names += [str(instrument.instrument_id), *former]
    return [name for name in dict.fromkeys(names) if name != instrument.symbol]


def _cursor(position: Position) -> str:
    raw = orjson.dumps([position.expiry.isoformat(), str(position.strike), position.instrument_id])
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def _position(cursor: str) -> Position:
    try:
        padded = cursor + "=" * (-len(cursor) % 4)
        expiry, strike, number = orjson.loads(base64.b64decode(padded, altchars=b"-_", validate=True))
        position = Position(date.fromisoformat(expiry), Decimal(strike), int(number))
    except (ValueError, TypeError, binascii.Error, InvalidOperation) as error:
        raise InvalidInput("The cursor is not one of ours; start again without it.", code="invalid_cursor") from error
    if not position.strike.is_finite() or not 0 <= position.instrument_id < 2**31:
        raise InvalidInput("The cursor is not one of ours; start again without it.", code="invalid_cursor")
    return position
