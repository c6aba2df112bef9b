"""What the use cases need of the outside."""

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Protocol
from uuid import UUID

from breezeway.contracts.instruments import Instrument, Right
from instruments_service.domain.contract_index import ContractTable
from instruments_service.domain.descriptions import Descriptions
from instruments_service.domain.freeze_limits import FreezeLimits
from instruments_service.domain.listing import Intake
from instruments_service.domain.query import ExpiryHint, Query
from instruments_service.domain.ranking import Candidate, Underlying
from instruments_service.domain.sync_run import MergeCounts, Refused, Stage, SyncRun
from instruments_service.domain.text_index import Document


class MasterSource(Protocol):
    """Where the broker's file comes from."""

    @property
    def url(self) -> str: ...

    async def fetch(self) -> bytes:
        """The archive.

        Raises:
            UpstreamUnavailable, UpstreamTimeout, UpstreamFault: it cannot be had now, or is too large to be it.
        """
        ...


class MasterReader(Protocol):
    async def read(self, archive: bytes) -> Intake:
        """Parse off the event loop.

        Raises:
            UpstreamFault: `master_not_a_zip`, `master_too_large`, `master_no_known_file`, `master_columns_missing`.
        """
        ...


@dataclass(frozen=True, slots=True)
class MergeOrder:
    """A merge to be done: everything that ends up in the run's row when it commits."""

    run: SyncRun
    intake: Intake
    started_at: datetime
    sha256: str
    size: int
    limits_version: str | None = None


class MasterStore(Protocol):
    def exclusive(self) -> AbstractAsyncContextManager[bool]:
        """Be the only one that syncs, in this database, for the length of the block; False when another one is."""
        ...

    async def active_by_file(self) -> Mapping[str, int]: ...

    async def merge(self, order: MergeOrder) -> MergeCounts:
        """Make `intake` the present master and complete the run, in one transaction: all of it or nothing."""
        ...


class SyncLog(Protocol):
    """The rows of `syncs`: intent first, outcome after."""

    async def request(self, run: SyncRun) -> SyncRun:
        """Insert `run`; when one is open already, that one."""
        ...

    async def claim(self, sync_id: UUID, now: datetime) -> SyncRun | None:
        """Take an open run for one more attempt; None when it is closed. Only under `MasterStore.exclusive`."""
        ...

    async def complete_unchanged(
        self, run: SyncRun, as_before: SyncRun, started_at: datetime, now: datetime
    ) -> None: ...

    async def reached(self, run: SyncRun, stage: Stage) -> None:
        """Note where a running attempt is."""
        ...

    async def retry(self, run: SyncRun, code: str, detail: str, at: datetime) -> None: ...

    async def fail(self, run: SyncRun, code: str, detail: str, now: datetime) -> None: ...

    async def open_run(self) -> tuple[SyncRun, datetime | None] | None:
        """The open run, and the time before which it shall not be tried again."""
        ...

    async def last(self) -> SyncRun | None: ...

    async def last_completed(self) -> SyncRun | None: ...

    async def recent(self, limit: int) -> list[SyncRun]: ...

    async def get(self, sync_id: UUID) -> SyncRun | None: ...

    async def reasons(self, sync_ids: Sequence[UUID]) -> Mapping[UUID, Mapping[str, int]]:
        """How many lines each run refused, by reason, most frequent first."""
        ...

    async def refused(self, sync_id: UUID, limit: int) -> list[Refused]:
        """The lines a run refused, in the order of the files."""
        ...


class SyncWaker(Protocol):
    async def wake(self, run: SyncRun, delay: float = 0) -> None: ...


class Announcer(Protocol):
    async def master_changed(self, sync_id: UUID) -> None: ...

    async def progressed(self, run: SyncRun) -> None:
        """Tell whoever listens how far the run is, or how it ended. May be lost."""
        ...


class LimitSource(Protocol):
    async def read(self) -> FreezeLimits:
        """The freeze limits as they are on disk now.

        Raises:
            Misconfigured: `invalid_exchange_limits`.
        """
        ...


@dataclass(frozen=True, slots=True)
class ListFilter:
    """What `GET /instruments` filters by; None does not filter."""

    exchange: str | None = None
    type: str | None = None
    underlying: str | None = None
    expiry: date | None = None
    strike_min: Decimal | None = None
    strike_max: Decimal | None = None
    right: str | None = None
    status: str | None = "active"


@dataclass(frozen=True, slots=True)
class Position:
    """Where a list page ended: the last item's sort key."""

    expiry: date
    strike: Decimal
    instrument_id: int


@dataclass(frozen=True, slots=True)
class ListingDays:
    """Which masters had an instrument; the fields are those of the contract's `ListedInstrument`."""

    listed_on: date
    not_listed_until: date | None
    delisted_on: date | None


class InstrumentQueries(Protocol):
    """Reads of the master."""

    async def generation(self) -> UUID | None:
        """The run that made the present master; None before the first."""
        ...

    async def find(self, asked: Sequence[str]) -> dict[str, Instrument]:
        """Instruments by symbol, ICICI symbol, token, id or former name, all in upper case, keyed as asked."""
        ...

    async def on_day(self, asked: str, day: date) -> Instrument | None:
        """The instrument that `asked` named on `day`, as it was then; None when there was none."""
        ...

    async def former_names(self, instrument_id: int) -> list[str]: ...

    async def listing_days(self, instrument_id: int) -> ListingDays: ...

    async def underlyings(self) -> list[Underlying]:
        """Everything that active contracts are written on, most popular first."""
        ...

    async def page(
        self, wanted: ListFilter, after: Position | None, limit: int
    ) -> tuple[list[Instrument], Position | None]: ...

    async def expiries(self, exchange: str, underlying: str, from_day: date) -> list[date]: ...

    def as_csv(self) -> AsyncIterator[bytes]:
        """Every instrument, as CSV with a header, in chunks."""
        ...


class SearchSource(Protocol):
    """Finds what a search may mean: an index in memory, or the database."""

    async def underlyings(self) -> Sequence[Underlying]: ...

    async def candidates(self, query: Query, exchange: str | None, type_: str | None, limit: int) -> list[Candidate]:
        """Active cash instruments, indices and funds that may be meant, in no order."""
        ...

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
        """Ids of active contracts of `underlyings`, in their order; nearest expiry first, then nearest to the strike.

        Args:
            exactly: nothing but contracts at `strike` itself.
        """
        ...

    async def described(self, ids: Sequence[int]) -> list[bytes]:
        """The active instruments with these numbers as JSON, in that order."""
        ...


@dataclass(frozen=True, slots=True)
class IndexContents:
    """Everything active: what is searched by name, contracts, what they are written on, and all of them as JSON."""

    documents: list[Document]
    contracts: ContractTable
    underlyings: list[Underlying]
    descriptions: Descriptions


class IndexRows(Protocol):
    async def load(self) -> IndexContents:
        """Everything active that an index in memory is made of."""
        ...
