"""What a user wants their feed to carry also while no client listens: fresh quotes, and minute bars without a hole."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol
from uuid import UUID

from breezeway.contracts.stream import ChannelKind
from breezeway.errors import InvalidInput, NotFound
from market_data_service.application.ports import Instruments

MODES = (ChannelKind.TICK.value, ChannelKind.DEPTH.value)
MAX_SUBSCRIPTIONS = 500


@dataclass(frozen=True, slots=True)
class Subscription:
    """One instrument of one user; `modes` is a part of `MODES`."""

    symbol: str
    modes: Sequence[str]
    created_at: datetime


class SubscriptionStore(Protocol):
    async def of_user(self, user_id: UUID) -> list[Subscription]:
        """By symbol."""
        ...

    async def put(self, user_id: UUID, symbols: Sequence[str], modes: Sequence[str], most: int) -> bool:
        """Add or replace; False (and nothing changes) when the user would have more than `most`."""
        ...

    async def remove(self, user_id: UUID, symbol: str) -> bool: ...


class FeedBell(Protocol):
    """Tells the user's feed owner that it should look again."""

    async def ring(self, user_id: UUID) -> None: ...


class Subscriptions:
    """The user's own list."""

    def __init__(self, store: SubscriptionStore, instruments: Instruments, bell: FeedBell) -> None:
        self._store = store
        self._instruments = instruments
        self._bell = bell

    async def of(self, user_id: UUID) -> list[Subscription]:
        return await self._store.of_user(user_id)

    async def add(self, user_id: UUID, bearer: str, symbols: Sequence[str], modes: Sequence[str]) -> list[Subscription]:
        """Add instruments, or change their modes; the whole list.

        Raises:
            NotFound: `instrument_not_found`.
            InvalidInput: `not_streamable`, `too_many_subscriptions`.
        """
        found = [await self._instruments.resolve(symbol, bearer) for symbol in symbols]
        for instrument in found:
            if instrument.broker_token is None:
                raise InvalidInput(f"The broker has no live feed of {instrument.symbol}.", code="not_streamable")
        names = list(dict.fromkeys(instrument.symbol for instrument in found))
        ordered = [mode for mode in MODES if mode in modes]
        if not await self._store.put(user_id, names, ordered, MAX_SUBSCRIPTIONS):
            raise InvalidInput(
                f"At most {MAX_SUBSCRIPTIONS} instruments can be subscribed.", code="too_many_subscriptions"
            )
        await self._bell.ring(user_id)
        return await self._store.of_user(user_id)

    async def remove(self, user_id: UUID, bearer: str, symbol: str) -> None:
        """Raises:
        NotFound: `subscription_not_found`, or `instrument_not_found`.
        """
        # An instrument that has left the master can still be unsubscribed by its canonical name.
        if not await self._store.remove(user_id, symbol):
            instrument = await self._instruments.resolve(symbol, bearer)
            if not await self._store.remove(user_id, instrument.symbol):
                raise NotFound(f"{instrument.symbol} is not subscribed.", code="subscription_not_found")
        await self._bell.ring(user_id)
