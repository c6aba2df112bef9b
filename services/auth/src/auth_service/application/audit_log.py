"""Reading the audit log."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from auth_service.application.ports import UnitsOfWork
from auth_service.domain.audit import AuditEntry


@dataclass(frozen=True, slots=True)
class AuditFilter:
    """Which events: of one user or of everybody; `kind` is an event (`sign_in.failed`) or a family (`sign_in`)."""

    user_id: UUID | None
    kind: str | None = None
    since: datetime | None = None
    until: datetime | None = None


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
