"""What the stream needs from outside."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol
from uuid import UUID

from breezeway.security.tokens import Principal
from gateway_service.domain.commands import Position


class Broker(Protocol):
    """Delivers the messages of topics to this process; it reconnects and restores the topics by itself."""

    async def subscribe(self, topics: Sequence[str]) -> None: ...

    async def unsubscribe(self, topics: Sequence[str]) -> None: ...


class Snapshots(Protocol):
    """The last message of each channel of a feed."""

    async def latest(self, feed: str, channels: Sequence[str]) -> list[bytes | None]:
        """One entry per channel, in order; None where nothing has been published, or Redis is away."""
        ...


@dataclass(frozen=True, slots=True)
class History:
    """What a durable channel has after a place: all of it when `complete`, else nothing.

    `position` is where the channel stands, which is after the last of `bodies`.
    """

    position: Position
    bodies: Sequence[bytes]
    complete: bool


class Histories(Protocol):
    """What was said on durable channels."""

    async def since(self, user_id: UUID, channel: str, position: Position | None) -> History | None:
        """What came after `position` (nothing, when that is None); None when Redis is away."""
        ...


class Interest(Protocol):
    """Tells feed owners what somebody is listening to."""

    async def announce(self, feed: str, channels: Collection[str]) -> None:
        """Keep `channels` wanted for a while, and wake the owner when one of them is new."""
        ...


class FeedDirectory(Protocol):
    """Which feed serves a user."""

    async def feed_of(self, user_id: UUID) -> str:
        """The feed's id.

        Raises:
            NotFound: `no_broker_session`.
        """
        ...


class SymbolDirectory(Protocol):
    """Canonical symbols."""

    async def canonical(self, names: Collection[str]) -> Mapping[str, str]:
        """Symbol or alias to canonical symbol; names that no instrument has are left out."""
        ...


class TokenChecker(Protocol):
    """Verifies access tokens."""

    async def authenticate(self, token: str) -> Principal:
        """Raises Unauthenticated."""
        ...


class KeyChecker(Protocol):
    """Accepts API keys."""

    async def principal_of(self, key: str, ip: str) -> Principal:
        """Whom `key` speaks for when it comes from `ip`. Raises Unauthenticated, Forbidden, RateLimited."""
        ...


class Topics(Protocol):
    """How channels are named on the broker."""

    def of_feed(self, feed: str, channel: str) -> str: ...

    def of_user(self, user_id: UUID, channel: str) -> str: ...
