"""Reading the audit log, and checking that nobody has changed it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from auth_service.application.ports import UnitsOfWork
from auth_service.domain.audit import GENESIS, AuditEntry, ChainLink, chained_hash

_BATCH = 1_000


@dataclass(frozen=True, slots=True)
class AuditFilter:
    """Which events: of one user or of everybody; `kind` is an event (`sign_in.failed`) or a family (`sign_in`)."""

    user_id: UUID | None
    kind: str | None = None
    since: datetime | None = None
    until: datetime | None = None


@dataclass(frozen=True, slots=True)
class ChainReport:
    """What a walk along the chain found.

    `newest` is the last entry that follows from all before it; `broken` the first that does not. `anchored` says
    whether the hash that was looked for is in the chain; None when none was. Without one, entries that were cut off at
    the end do not show. `final` says whether the database itself refuses changes.
    """

    entries: int
    newest: ChainLink | None
    broken: ChainLink | None
    anchored: bool | None
    final: bool

    @property
    def intact(self) -> bool:
        return self.broken is None and self.anchored is not False and self.final


class AuditLog:
    """The audit log, newest event first."""

    def __init__(self, units: UnitsOfWork) -> None:
        self._units = units

    async def page(self, wanted: AuditFilter, after: UUID | None, limit: int) -> Sequence[AuditEntry]:
        """What happened before the event `after`."""
        async with self._units() as work:
            return await work.audit_page(
                wanted.user_id, wanted.kind, wanted.since, wanted.until, after=after, limit=limit
            )

    async def verify(self, anchor: bytes | None = None) -> ChainReport:
        """Walk the whole chain, up to the first entry that does not follow from the one before it.

        Args:
            anchor: the hash of an entry that an earlier walk ended at, kept somewhere else.
        """
        previous, seq, entries = GENESIS, 0, 0
        newest: ChainLink | None = None
        anchored = None if anchor is None else False
        async with self._units() as work:
            final = await work.audit_is_final()
            while links := await work.audit_chain(seq, _BATCH):
                for link in links:
                    previous = chained_hash(previous, link.entry)
                    if previous != link.hash:
                        return ChainReport(entries, newest, link, anchored, final)
                    newest, seq, entries = link, link.seq, entries + 1
                    if previous == anchor:
                        anchored = True
        return ChainReport(entries, newest, None, anchored, final)
