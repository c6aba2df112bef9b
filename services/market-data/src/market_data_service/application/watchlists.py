"""Named lists of instruments, in the user's own order."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol
from uuid import UUID

from breezeway.ids import new_id
from market_data_service.application.ports import Instruments

MAX_WATCHLISTS = 50
MAX_SYMBOLS = 500


@dataclass(frozen=True, slots=True)
class Watchlist:
    """`symbols` are canonical, each once."""

    id: UUID
    name: str
    symbols: Sequence[str]
    created_at: datetime
    updated_at: datetime


class WatchlistStore(Protocol):
    """Another user's list is not found."""

    async def of_user(self, user_id: UUID) -> list[Watchlist]:
        """Oldest first."""
        ...

    async def get(self, user_id: UUID, watchlist_id: UUID) -> Watchlist:
        """Raises:
        NotFound: `watchlist_not_found`.
        """
        ...

    async def add(self, user_id: UUID, watchlist_id: UUID, name: str, symbols: Sequence[str], most: int) -> Watchlist:
        """Raises:
        Conflict: `watchlist_name_taken`.
        InvalidInput: `too_many_watchlists`.
        """
        ...

    async def change(
        self, user_id: UUID, watchlist_id: UUID, name: str | None, symbols: Sequence[str] | None
    ) -> Watchlist:
        """Replace what is given. Raises: as `get`, and Conflict: `watchlist_name_taken`."""
        ...

    async def remove(self, user_id: UUID, watchlist_id: UUID) -> None:
        """Raises: as `get`."""
        ...


class Watchlists:
    """The user's own watchlists. Errors: those of the store, and NotFound: `instrument_not_found`."""

    def __init__(self, store: WatchlistStore, instruments: Instruments) -> None:
        self._store = store
        self._instruments = instruments

    async def of(self, user_id: UUID) -> list[Watchlist]:
        return await self._store.of_user(user_id)

    async def get(self, user_id: UUID, watchlist_id: UUID) -> Watchlist:
        return await self._store.get(user_id, watchlist_id)

    async def add(self, user_id: UUID, bearer: str, name: str, symbols: Sequence[str]) -> Watchlist:
        return await self._store.add(user_id, new_id(), name, await self._canonical(symbols, bearer), MAX_WATCHLISTS)

    async def change(
        self, user_id: UUID, bearer: str, watchlist_id: UUID, name: str | None, symbols: Sequence[str] | None
    ) -> Watchlist:
        known = await self._store.get(user_id, watchlist_id)
        kept = None if symbols is None else await self._canonical(symbols, bearer, frozenset(known.symbols))
        return await self._store.change(user_id, watchlist_id, name, kept)

    async def remove(self, user_id: UUID, watchlist_id: UUID) -> None:
        await self._store.remove(user_id, watchlist_id)

    async def _canonical(
        self, symbols: Sequence[str], bearer: str, known: frozenset[str] = frozenset()
    ) -> Sequence[str]:
        # What is on the list already may stay, also when it has left the master since.
        names = [name if name in known else (await self._instruments.resolve(name, bearer)).symbol for name in symbols]
        return list(dict.fromkeys(names))
