"""Ranked, typo-tolerant search that understands contracts."""

import re
from collections.abc import Sequence

from breezeway.contracts.instruments import Instrument, InstrumentType
from breezeway.symbols import DERIVATIVE_EXCHANGES
from instruments_service.application.catalogue import Catalogue, normalise
from instruments_service.application.ports import SearchSource
from instruments_service.application.search_index import IndexKeeper
from instruments_service.domain.query import Query, understand
from instruments_service.domain.ranking import Tier, Underlying, choose_underlyings, rank

_CONTRACT_TYPES = frozenset({InstrumentType.FUTURE, InstrumentType.OPTION})
_CONTRACT_CODE = re.compile(r"\S+\d{2}[A-Z]{3}\d{2}(FUT|[\d.]+(CE|PE))")
_NEAR_FUTURES = 3
_CANDIDATES = 60


class SearchInstruments:
    """Answers are instruments as JSON: at every keystroke twenty are wanted, and nobody here looks into them."""

    def __init__(self, catalogue: Catalogue, keeper: IndexKeeper) -> None:
        self._catalogue = catalogue
        self._keeper = keeper

    async def __call__(
        self, text: str, *, exchange: str | None = None, type_: InstrumentType | None = None, limit: int = 20
    ) -> list[bytes]:
        """The best `limit` instruments for `text`, best first. Expired and delisted ones are not found."""
        await self._catalogue.require_master()
        exact = await self._exactly(text, exchange, type_)
        if exact:
            return [one.model_dump_json().encode() for one in exact[:limit]]
        source = self._keeper.source
        query = understand(text)
        if query.is_contract and (type_ is None or type_ in _CONTRACT_TYPES):
            ids = await _contracts(source, query, exchange, type_, limit)
            if not ids:
                ids = await _text(source, query.as_text(), exchange, type_, limit)
        elif type_ in _CONTRACT_TYPES:
            ids = await _contracts(source, query, exchange, type_, limit)
        else:
            ids = await _text(source, query, exchange, type_, limit)
        return await source.described(list(dict.fromkeys(ids))[:limit])

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
    source: SearchSource, query: Query, exchange: str | None, type_: InstrumentType | None, limit: int
) -> list[int]:
    if not query.words and query.isin is None:
        return []
    ranked = rank(query, await source.candidates(query, exchange, type_, max(limit, _CANDIDATES)))
    exact = [one for fit, one in ranked if fit is Tier.EXACT]
    others = [one.instrument_id for fit, one in ranked if fit is not Tier.EXACT]
    near: list[int] = []
    if type_ is None:
        named, joined = {one.code for one in exact}, query.joined
        known = [
            one
            for one in await _underlyings(source, exchange)
            if one.code in named or joined in (one.code, one.broker_code)
        ]
        near = await _near(source, known, query)
    return [one.instrument_id for one in exact] + near + others


async def _near(source: SearchSource, known: Sequence[Underlying], query: Query) -> list[int]:
    """The near futures of what was named exactly, or the options at a bare number (`nifty 26000`)."""
    if known:
        return await source.contracts(
            known[:2],
            type_=InstrumentType.FUTURE,
            strike=None,
            right=None,
            expiry=None,
            exactly=False,
            limit=_NEAR_FUTURES,
        )
    if query.maybe_strike is None:
        return []
    return await source.contracts(
        choose_underlyings(query.without_number(), await _underlyings(source, None)),
        type_=InstrumentType.OPTION,
        strike=query.maybe_strike,
        right=None,
        expiry=None,
        exactly=True,
        limit=_NEAR_FUTURES,
    )


async def _contracts(
    source: SearchSource, query: Query, exchange: str | None, type_: InstrumentType | None, limit: int
) -> list[int]:
    option = query.strike is not None or query.right is not None or query.option
    kind = type_ or (
        InstrumentType.FUTURE if query.future and not option else InstrumentType.OPTION if option else None
    )
    return await source.contracts(
        choose_underlyings(query, await _underlyings(source, exchange)),
        type_=kind,
        strike=query.strike,
        right=query.right,
        expiry=query.expiry,
        exactly=False,
        limit=limit,
    )


async def _underlyings(source: SearchSource, exchange: str | None) -> list[Underlying]:
    return [one for one in await source.underlyings() if exchange in (None, one.exchange)]
