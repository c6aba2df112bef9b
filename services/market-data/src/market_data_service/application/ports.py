"""What the use cases need from outside. The feed has its own in `feed_ports`."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Protocol
from uuid import UUID

from breezeway.candles.columns import Candles
from breezeway.candles.folding import Bar
from breezeway.clock import ClockMapping
from breezeway.contracts.backfills import BackfillView
from breezeway.contracts.broker import BrokerCredentials
from breezeway.contracts.instruments import Instrument, InstrumentType, ListedInstrument
from breezeway.intervals import Interval
from market_data_service.domain.backfill import Backfill, BackfillAction, Chunk
from market_data_service.domain.coverage import CoverageState, DayCoverage
from market_data_service.domain.day_bars import DayBars
from market_data_service.domain.planning import Window


class Instruments(Protocol):
    """The instruments service."""

    async def resolve(self, symbol: str, bearer: str) -> ListedInstrument:
        """The instrument that a symbol or any of its aliases names, asked in the user's name.

        Raises:
            NotFound: `instrument_not_found`.
        """
        ...

    async def search(
        self, query: str, exchange: str | None, kind: InstrumentType | None, limit: int, bearer: str
    ) -> list[Instrument]:
        """What a trader's words may mean, best first."""
        ...


class Packed(Protocol):
    """Stored bars that nobody has looked at yet."""

    def candles(self) -> Candles: ...

    def fold(self, fold: Callable[[Candles], Candles]) -> Candles:
        """`fold(self.candles())`, for a `fold` that picks and compares prices but never calculates with them."""
        ...


@dataclass(frozen=True, slots=True)
class StoredBars:
    """`parts` are runs of days that come from one source, ascending. `complete` are the days (since 1970-01-01) that
    are complete in any of the sources."""

    parts: Sequence[tuple[Interval, Packed]]
    complete: frozenset[int]


@dataclass(frozen=True, slots=True)
class StoredDays:
    """`days` are labelled midnight IST. `complete` as in `StoredBars`."""

    days: Candles
    complete: frozenset[int]


class CandleStore(Protocol):
    """Stored bars and what is known about each day."""

    async def read(self, symbol: str, interval: Interval, first: date, last: date) -> Candles:
        """The bars of the Indian days from `first` to `last`, both inclusive, ascending."""
        ...

    async def read_best(self, symbol: str, sources: Sequence[Interval], first: date, last: date) -> StoredBars:
        """As `read`, each day from the first of `sources` that has it."""
        ...

    async def read_daily(self, symbol: str, sources: Sequence[Interval], first: date, last: date) -> StoredDays:
        """One bar a day, of the first of `sources` that has it; no intraday bar is unpacked."""
        ...

    async def newest_days(self, symbol: str, sources: Sequence[Interval], last: date, count: int) -> list[date]:
        """The newest `count` days up to `last` that have bars of any of `sources`, ascending."""
        ...

    async def first_day(self, symbol: str) -> date | None:
        """The oldest day that has bars of any interval."""
        ...

    async def coverage(self, symbol: str, interval: Interval, first: date, last: date) -> Mapping[date, DayCoverage]:
        """What is recorded, by day; a day without a record is missing from the answer."""
        ...


@dataclass(frozen=True, slots=True)
class NewBackfill:
    """A planned backfill, before it is stored."""

    id: UUID
    user_id: UUID
    interval: Interval
    from_day: date
    to_day: date
    created_at: datetime
    instruments: Sequence[Instrument]
    windows: Mapping[str, Sequence[Window]]
    """By canonical symbol; a symbol without windows has nothing lacking."""
    asked: bool = True
    """Whether its user asked for it, and so wants to hear how it ends."""


class BackfillStore(Protocol):
    """Backfills as their owner sees them. Another user's backfill is not found."""

    async def create(self, new: NewBackfill) -> Backfill: ...

    async def same_open(
        self, user_id: UUID, interval: Interval, first: date, last: date, symbols: Sequence[str]
    ) -> Backfill | None:
        """The user's backfill of exactly these days and symbols that has not ended yet."""
        ...

    async def get(self, user_id: UUID, backfill_id: UUID) -> Backfill:
        """Raises:
        NotFound: `backfill_not_found`.
        """
        ...

    async def page(self, user_id: UUID, before: UUID | None, limit: int) -> list[Backfill]:
        """Newest first, older than `before`."""
        ...

    async def act(self, user_id: UUID, backfill_id: UUID, action: BackfillAction) -> Backfill:
        """Apply a user's action.

        Raises:
            NotFound: `backfill_not_found`.
            Conflict: `backfill_state`.
        """
        ...


@dataclass(frozen=True, slots=True)
class DayResult:
    """What a chunk found out about one trading day."""

    day: date
    bars: DayBars | None
    state: CoverageState
    expected: int
    reason: str | None = None


class ChunkStore(Protocol):
    """Chunks as workers see them. Every method is one transaction, and every one but `claim` needs the lease.

    Methods that return a bool say whether the lease was still ours; if not, nothing was written.
    """

    async def claim(self, owner: str, lease_seconds: float) -> Chunk | None:
        """Lease the next chunk that is due, also one whose holder went silent; None when there is none."""
        ...

    async def renew(self, chunk: Chunk, lease_seconds: float) -> bool: ...

    async def complete(self, chunk: Chunk, days: Sequence[DayResult], *, calls: int, source: str) -> bool:
        """Write bars, coverage and the chunk's end together."""
        ...

    async def postpone(
        self, chunk: Chunk, *, seconds: float, code: str, detail: str, calls: int, counts: bool, whole_user: bool
    ) -> bool:
        """Give the chunk back, to be taken again after `seconds`.

        Args:
            counts: whether this was an attempt.
            whole_user: whether all waiting chunks of the user have to wait as well (quota, no broker session).
        """
        ...

    async def give_up(self, chunk: Chunk, days: Sequence[DayResult], *, code: str, detail: str, calls: int) -> bool:
        """Park the chunk with its reason, and record it for those days that have no bars."""
        ...

    async def due(self) -> tuple[int, int]:
        """How many chunks a worker could claim now, and how many are being worked on."""
        ...

    async def next_due(self) -> float | None:
        """In how many seconds the next waiting chunk may be claimed; None when none is waiting."""
        ...

    async def is_workable(self, backfill_id: UUID) -> bool:
        """Whether workers may take chunks of it; False once it has ended, is paused, or is gone."""
        ...

    async def progress(self, backfill_id: UUID) -> Backfill: ...


class BrokerSessions(Protocol):
    """Auth's vault."""

    async def credentials(self, user_id: UUID) -> BrokerCredentials:
        """The user's open broker session, read anew on every call.

        Raises:
            Conflict: `broker_session_required`, when there is none.
        """
        ...

    async def report_refused(self, credentials: BrokerCredentials, detail: str) -> None:
        """Say that the broker does not accept this session any more, so that nobody goes on trying it."""
        ...


@dataclass(frozen=True, slots=True)
class HistoryAnswer:
    """What the broker answered. `refused` rows made no sense; `truncated` means that the answer may have been cut."""

    candles: Candles
    refused: int = 0
    truncated: bool = False


@dataclass(frozen=True, slots=True)
class BrokerQuote:
    """The broker's own quote; `at` is the last trade."""

    ltp: float
    at: datetime | None
    bid: float | None = None
    bid_qty: int | None = None
    ask: float | None = None
    ask_qty: int | None = None
    open: float | None = None
    high: float | None = None
    low: float | None = None
    prev_close: float | None = None
    change_pct: float | None = None
    volume: int | None = None
    lower_band: float | None = None
    upper_band: float | None = None


class Broker(Protocol):
    """Breeze's REST, through the shared adapter and its quota."""

    async def history(
        self, credentials: BrokerCredentials, instrument: Instrument, interval: Interval, start: datetime, end: datetime
    ) -> HistoryAnswer:
        """Bars of a stored interval that start in [start, end).

        Raises:
            RateLimited: our quota or the broker's; `retry_after` says when to come back.
            Unauthenticated: the broker does not accept the session any more.
            Retryable: it did not answer, or not with sense.
        """
        ...

    async def quote(self, credentials: BrokerCredentials, instrument: Instrument) -> BrokerQuote:
        """Raises: as `history`, and NotFound: `quote_not_found`, when the broker has none."""
        ...


class Snapshots(Protocol):
    """The latest tick messages that the user's feed has published."""

    async def latest(self, user_id: UUID, symbols: Sequence[str]) -> Mapping[str, Mapping[str, object]]:
        """Tick messages by canonical symbol; a symbol without one is left out."""
        ...


class LiveBars(Protocol):
    """The 1-minute bars at the end of the user's feed."""

    async def newest(self, user_id: UUID, symbol: str) -> Sequence[Bar]:
        """The newest bar, which may be forming, and what has ticked since; nothing without a broker session.

        Raises:
            UpstreamUnavailable: `redis_unavailable`.
        """
        ...


class Wakeups(Protocol):
    """Tells the workers that there is work; what work, they read from the database."""

    async def wake(self, workers: int = 1, delay: float = 0) -> None:
        """Args:
        delay: seconds to wait before they start.
        """
        ...


class Progress(Protocol):
    """The user's `backfills` channel."""

    async def publish(self, user_id: UUID, backfill: BackfillView) -> None: ...


class ExchangeTime(Protocol):
    """The market's clock, which the simulator may have set to another day or speed."""

    async def mapping(self) -> ClockMapping: ...

    async def now(self) -> datetime: ...
