"""Sealing every secret again with the newest key of the vault, while everybody goes on working.

It goes in small transactions, each of which leaves every row readable with the keys that are configured. Killed at any
point and started again, it goes on with what is left; started when nothing is left, it does nothing.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Protocol

from auth_service.application.ports import UnitsOfWork
from auth_service.domain.audit import AuditEvent, Origin, audit_entry
from breezeway.clock import Clock

_PASSES: Final = 3

Progress = Callable[[str, int], object]
"""Is told after each batch that has been committed: the table, and how many rows so far."""


@dataclass(frozen=True, slots=True)
class Resealed:
    """One batch. `last` is the key of its last row, None when there was none; `broken` names rows that do not open."""

    moved: int
    broken: Sequence[str]
    last: Any | None


class SealedRows(Protocol):
    """Every row with something sealed in it."""

    @property
    def newest(self) -> str:
        """The version of the key that seals."""
        ...

    @property
    def tables(self) -> Sequence[str]: ...

    async def reseal(self, table: str, after: Any | None, limit: int) -> Resealed:
        """Seal some rows that an older key sealed with the newest one, and commit."""
        ...

    async def versions(self) -> Mapping[str, int]:
        """How many envelopes each key has sealed."""
        ...


@dataclass(frozen=True, slots=True)
class RotationReport:
    """What a rotation did, and what it left: `left` counts envelopes by the older key that sealed them."""

    newest: str
    moved: int
    left: Mapping[str, int]
    broken: Sequence[str]

    @property
    def old_keys_removable(self) -> bool:
        """Whether nothing needs a key other than the newest any more."""
        return not self.left


class VaultRotation:
    """Moves everything to the newest key."""

    def __init__(self, rows: SealedRows, units: UnitsOfWork, clock: Clock) -> None:
        self._rows = rows
        self._units = units
        self._clock = clock

    async def status(self) -> RotationReport:
        """What there is to do, doing nothing."""
        return await self._report(0, [])

    async def rotate(self, *, batch: int = 50, progress: Progress = lambda table, moved: None) -> RotationReport:
        """Move what is not sealed by the newest key."""
        moved, broken = 0, set[str]()
        for _ in range(_PASSES):
            before = moved
            for table in self._rows.tables:
                after = None
                while (done := await self._rows.reseal(table, after, batch)).last is not None:
                    after = done.last
                    moved += done.moved
                    broken.update(done.broken)
                    progress(table, moved)
            # A process that still seals with the old key may have written behind us.
            if moved == before:
                break
        report = await self._report(moved, sorted(broken))
        if moved:
            await self._note(report)
        return report

    async def _report(self, moved: int, broken: Sequence[str]) -> RotationReport:
        versions = await self._rows.versions()
        left = {version: count for version, count in versions.items() if version != self._rows.newest}
        return RotationReport(self._rows.newest, moved, left, broken)

    async def _note(self, report: RotationReport) -> None:
        facts = {"key": report.newest, "rows": str(report.moved), "left": str(sum(report.left.values()))}
        async with self._units() as work:
            work.audit(audit_entry(AuditEvent.VAULT_ROTATED, None, self._clock.now(), Origin(), facts))
            await work.commit()
