"""What the feed owner needs from outside."""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol
from uuid import UUID

from breezeway.breeze.events import DepthTick, OhlcBar, OrderUpdate, QuoteTick
from breezeway.candles.folding import Bar
from breezeway.contracts.broker import BrokerCredentials, BrokerSession
from breezeway.contracts.instruments import Instrument
from breezeway.intervals import Interval


class Lease(Protocol):
    """The right to serve one feed, for as long as it is renewed.

    `valid` turns False by itself when the lease has not been renewed in time, also while nobody runs our code.
    """

    @property
    def feed(self) -> str: ...

    @property
    def holder(self) -> str:
        """Who holds it; unique to this lease."""
        ...

    @property
    def fence(self) -> int:
        """Greater than that of every lease of this feed before."""
        ...

    @property
    def valid(self) -> bool: ...

    @property
    def renew_every(self) -> float:
        """Seconds between renewals."""
        ...

    async def renew(self) -> bool:
        """Extend it; False when it is lost for good. Raises Retryable when that cannot be known."""
        ...

    async def release(self) -> None:
        """Give it up at once, so that another need not wait for it to run out."""
        ...


class Leases(Protocol):
    async def acquire(self, feed: str) -> Lease | None:
        """The feed's lease; None when somebody else holds it. Raises Retryable."""
        ...


@dataclass(frozen=True, slots=True)
class Outgoing:
    """One encoded message for one stream channel; `keep` also makes it the channel's snapshot."""

    channel: str
    body: bytes
    keep: bool = True


class FeedDescriptions(Protocol):
    """What owners say of themselves, for whoever asks."""

    async def described(self, feed: str) -> Mapping[str, str]:
        """What the last owner said of itself. Raises Retryable."""
        ...


class Publisher(FeedDescriptions, Protocol):
    """Publishes for whoever holds the newest fence, and for nobody else."""

    async def publish(self, lease: Lease, messages: Sequence[Outgoing]) -> bool:
        """Publish in order; False (and nothing is published) when a newer owner exists or the lease is gone.

        Raises:
            UpstreamUnavailable: Redis does not answer; whether the batch went out is unknown.
        """
        ...

    async def describe(self, lease: Lease, facts: Mapping[str, str]) -> bool:
        """Replace what the feed's owner says of itself; False as for `publish`."""
        ...


class InterestReader(Protocol):
    async def wanted(self, feed: str) -> frozenset[str]:
        """The stream channels that somebody listens to now. Raises Retryable."""
        ...


@dataclass(frozen=True, slots=True)
class FeedStats:
    """Frames since the socket was opened; `dropped` ones found our buffer full."""

    received: int
    malformed: int
    dropped: int
    sockets: int = 1


class FeedConnection(Protocol):
    """An open, authenticated connection; more than one socket where a session has more rooms than one can carry."""

    async def join(self, rooms: Collection[str]) -> None:
        """Raises Retryable when the socket is gone."""
        ...

    async def leave(self, rooms: Collection[str]) -> None: ...

    @property
    def bars_lost(self) -> int:
        """How often the way of the broker's bars was lost; every room must then be joined again."""
        ...

    async def join_bars(self, rooms: Collection[str], interval: Interval) -> None:
        """Ask for the broker's own bars, of a second or a minute. Raises BreezewayError; quotes go on."""
        ...

    async def leave_bars(self, rooms: Collection[str]) -> None: ...

    async def wait_closed(self) -> str:
        """Return when the socket has ended, with a short reason."""
        ...

    def stats(self) -> FeedStats: ...

    async def close(self) -> None:
        """Close the socket; idempotent."""
        ...


BrokerEvent = QuoteTick | DepthTick | OhlcBar | OrderUpdate

OnEvent = Callable[[BrokerEvent, int], None]
"""(decoded frame, wall time of its arrival in epoch milliseconds)"""


class FeedSource(Protocol):
    async def connect(self, credentials: BrokerCredentials, on_event: OnEvent) -> FeedConnection:
        """Open a socket in an account's name; `on_event` is called on the event loop for every decoded frame.

        Raises:
            Unauthenticated: the broker refuses the session.
            Retryable: it cannot be reached.
        """
        ...


class BrokerSessions(Protocol):
    """Auth, as far as feeds are concerned."""

    async def active(self) -> Sequence[BrokerSession]: ...

    async def credentials(self, account_id: UUID) -> BrokerCredentials:
        """Raises NotFound or Conflict when there is no open session."""
        ...

    async def report_refused(self, account_id: UUID, version: int, reason: str) -> None:
        """Say that the broker does not accept the session any more."""
        ...


class Instruments(Protocol):
    async def resolve(self, symbols: Collection[str]) -> Mapping[str, Instrument]:
        """By the name asked for; unknown ones are left out. Raises Retryable."""
        ...


class CandleSink(Protocol):
    """Today's block of candles."""

    async def store(self, bars: Mapping[str, Sequence[Bar]]) -> None:
        """Add closed 1-minute bars, by symbol. Bars that came from history win over these. Raises Retryable."""
        ...


class MinuteHistory(Protocol):
    async def minutes(self, symbol: str, start: int, end: int) -> Sequence[Bar]:
        """Stored 1-minute bars that start in [start, end), epoch seconds; ascending. Raises Retryable."""
        ...


class GapRefill(Protocol):
    async def request(self, user_id: UUID, symbols: Collection[str], start: datetime, end: datetime) -> None:
        """Ask for the minutes of a gap to be fetched from the broker's history. Raises BreezewayError."""
        ...


class OrderEvents(Protocol):
    """The user's durable channel of orders."""

    async def append(self, user_id: UUID, order: OrderUpdate, name: UUID) -> None:
        """Keep and publish what the broker says of an order; under one name, once. Raises Retryable."""
        ...


class Outages(Protocol):
    """Who was told that their feed is down. Each of both is told once an outage. Raises Retryable."""

    async def down(self, session: BrokerSession, since_ms: int, why: str) -> None: ...

    async def back(self, session: BrokerSession, now_ms: int) -> None: ...


class NoOutages:
    """Tells nobody."""

    async def down(self, session: BrokerSession, since_ms: int, why: str) -> None:
        return None

    async def back(self, session: BrokerSession, now_ms: int) -> None:
        return None


class OwnerCensus(Protocol):
    """How many owner processes there are."""

    async def count(self) -> int:
        """Say that this one lives; how many do, this one included. Raises Retryable."""
        ...


class FeedMeter(Protocol):
    """Takes the feed's timings; must be cheap, and never raises."""

    def published(self, seconds: float) -> None:
        """From the arrival of a frame to its acceptance by Redis; one sample a batch."""
        ...

    def tick_age(self, seconds: float) -> None:
        """From the exchange's time of a tick to its arrival; one sample a batch."""
        ...

    def gap(self, reason: str, seconds: float) -> None: ...


class MarketTime(Protocol):
    """Exchange time of one account's market."""

    def now(self) -> datetime: ...
