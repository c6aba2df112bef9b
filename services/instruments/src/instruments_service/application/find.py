"""Search, lists, expiries and single instruments."""

import base64
import binascii
import re
from collections.abc import Iterable
from datetime import date
from decimal import Decimal, InvalidOperation
from urllib.parse import quote

import orjson

from breezeway.clock import IST, Clock
from breezeway.contracts.instruments import Instrument, InstrumentDetail, InstrumentType
from breezeway.errors import InvalidInput, NotFound
from breezeway.symbols import DERIVATIVE_EXCHANGES
from instruments_service.application.catalogue import Catalogue, normalise, not_found
from instruments_service.application.ports import InstrumentQueries, ListFilter, Position
from instruments_service.domain.query import Query, understand
from instruments_service.domain.ranking import Tier, Underlying, choose_underlyings, rank, tier

_CONTRACT_TYPES = frozenset({InstrumentType.FUTURE, InstrumentType.OPTION})
_CONTRACT_CODE = re.compile(r"\S+\d{2}[A-Z]{3}\d{2}(FUT|[\d.]+(CE|PE))")
_NEAR_FUTURES = 3
_CANDIDATES = 80


class SearchInstruments:
    """Ranked, typo-tolerant search that understands contracts."""

    def __init__(self, catalogue: Catalogue, queries: InstrumentQueries) -> None:
        self._catalogue = catalogue
        self._queries = queries

    async def __call__(
        self, text: str, *, exchange: str | None = None, type_: InstrumentType | None = None, limit: int = 20
    ) -> list[Instrument]:
        """The best `limit` instruments for `text`, best first. Expired and delisted ones are not found."""
        await self._catalogue.require_master()
        query = understand(text)
        found = await self._exactly(text, exchange, type_)
        if found:
            return found[:limit]
        if query.is_contract and type_ not in _cash_types():
            found = await self._contracts(query, exchange, type_, limit)
            if not found:
                found = await self._text(query.as_text(), exchange, type_, limit)
        elif type_ in _CONTRACT_TYPES:
            found = await self._contracts(query, exchange, type_, limit)
        else:
            found = await self._text(query, exchange, type_, limit)
        unique = {instrument.instrument_id: instrument for instrument in found}
        return list(unique.values())[:limit]

    async def _exactly(self, text: str, exchange: str | None, type_: InstrumentType | None) -> list[Instrument]:
        """What the whole text is a name of: any name with an exchange or a token, or a contract's code alone."""
        name = normalise(text)
        if ":" in name or "!" in name:
            names = [name]
        elif _CONTRACT_CODE.fullmatch(name):
            names = [f"{market}:{name}" for market in sorted(DERIVATIVE_EXCHANGES)]
        else:
            return []
        found = await self._catalogue.resolve_many(names)
        return [
            one
            for one in found.values()
            if one.status == "active" and exchange in (None, one.exchange) and type_ in (None, one.type)
        ]

    async def _text(
        self, query: Query, exchange: str | None, type_: InstrumentType | None, limit: int
    ) -> list[Instrument]:
        if not query.words and query.isin is None:
            return []
        rows = await self._queries.candidates(query, exchange, type_, max(limit, _CANDIDATES))
        instruments = {candidate.instrument_id: instrument for candidate, instrument in rows}
        ranked = rank(query, {candidate.instrument_id: candidate for candidate, _ in rows}.values())
        exact = [instruments[one.instrument_id] for one in ranked if tier(query, one) is Tier.EXACT]
        others = [instruments[one.instrument_id] for one in ranked if tier(query, one) is not Tier.EXACT]
        near: list[Instrument] = []
        if type_ is None:
            named = {instrument.symbol.partition(":")[2] for instrument in exact}
            known = [
                one
                for one in await self._underlyings(exchange)
                if one.code in named or query.joined in (one.code, one.broker_code.upper())
            ]
            near = await self._near(known, query)
        return exact + near + others

    async def _near(self, known: list[Underlying], query: Query) -> list[Instrument]:
        """The near futures of what was named exactly, or the options at a bare number (`nifty 26000`)."""
        if known:
            return await self._queries.contracts(
                known[:2], type_=InstrumentType.FUTURE, strike=None, right=None, expiry=None, limit=_NEAR_FUTURES
            )
        if query.maybe_strike is None:
            return []
        nearest = await self._queries.contracts(
            choose_underlyings(query.without_number(), await self._underlyings(None)),
            type_=InstrumentType.OPTION,
            strike=query.maybe_strike,
            right=None,
            expiry=None,
            limit=_NEAR_FUTURES,
        )
        return [one for one in nearest if one.strike == query.maybe_strike]

    async def _contracts(
        self, query: Query, exchange: str | None, type_: InstrumentType | None, limit: int
    ) -> list[Instrument]:
        known = await self._underlyings(exchange)
        chosen = choose_underlyings(query, known)
        option = query.strike is not None or query.right is not None or query.option
        kind = type_ or (
            InstrumentType.FUTURE if query.future and not option else InstrumentType.OPTION if option else None
        )
        return await self._queries.contracts(
            chosen, type_=kind, strike=query.strike, right=query.right, expiry=query.expiry, limit=limit
        )

    async def _underlyings(self, exchange: str | None) -> list[Underlying]:
        return [one for one in await self._catalogue.underlyings() if exchange in (None, one.exchange)]


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
        return InstrumentDetail(**dict(present), aliases=_names(present, former), as_of=as_of)

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


def _cash_types() -> frozenset[InstrumentType]:
    return frozenset(InstrumentType) - _CONTRACT_TYPES


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
