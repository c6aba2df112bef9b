"""Search in memory: every API process keeps an index of the present master, and builds the next one beside it."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from time import perf_counter
from uuid import UUID

import structlog

from breezeway import garbage
from breezeway.contracts.instruments import Right
from instruments_service.application.catalogue import Catalogue
from instruments_service.application.ports import IndexRows, SearchSource
from instruments_service.domain.contract_index import ContractIndex
from instruments_service.domain.descriptions import FrozenDescriptions
from instruments_service.domain.query import ExpiryHint, Query
from instruments_service.domain.ranking import Candidate, Underlying
from instruments_service.domain.text_index import TextIndex

_log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class SearchIndex:
    """Implements `SearchSource`, of one master."""

    generation: UUID
    text: TextIndex
    book: ContractIndex
    descriptions: FrozenDescriptions

    async def underlyings(self) -> Sequence[Underlying]:
        return self.book.underlyings

    async def candidates(self, query: Query, exchange: str | None, type_: str | None, limit: int) -> list[Candidate]:
        return self.text.candidates(query, exchange, type_, limit)

    async def contracts(
        self,
        underlyings: Sequence[Underlying],
        *,
        type_: str | None,
        strike: Decimal | None,
        right: Right | None,
        expiry: ExpiryHint | None,
        exactly: bool,
        limit: int,
    ) -> list[int]:
        return self.book.contracts(
            underlyings, type_=type_, strike=strike, right=right, expiry=expiry, exactly=exactly, limit=limit
        )

    async def described(self, ids: Sequence[int]) -> list[bytes]:
        return self.descriptions.of(ids)


class IndexKeeper:
    """Has the index of the present master; the database answers until there is one.

    While a new index is built, for some seconds, the old one goes on answering with the old master.
    """

    def __init__(self, catalogue: Catalogue, rows: IndexRows, database: SearchSource) -> None:
        self._catalogue = catalogue
        self._rows = rows
        self._database = database
        self._index: SearchIndex | None = None

    @property
    def source(self) -> SearchSource:
        return self._database if self._index is None else self._index

    @property
    def generation(self) -> UUID | None:
        """The sync whose master is searched in memory; None while the database is."""
        return None if self._index is None else self._index.generation

    async def refresh(self) -> None:
        """Look for a newer master, and index it. Raises: `UpstreamUnavailable`, when the database is away."""
        await self._catalogue.refresh()
        generation = self._catalogue.generation
        if generation is None or generation == self.generation:
            return
        started = perf_counter()
        rows = await self._rows.load()
        self._index = await asyncio.to_thread(
            lambda: SearchIndex(
                generation,
                TextIndex(rows.documents),
                ContractIndex(rows.contracts, rows.underlyings),
                rows.descriptions.freeze(),
            )
        )
        garbage.spare_the_present()
        garbage.give_back()
        _log.info(
            "search_indexed",
            sync_id=str(generation),
            names=len(self._index.text),
            contracts=len(self._index.book),
            seconds=round(perf_counter() - started, 3),
        )
