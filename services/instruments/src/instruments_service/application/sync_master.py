"""Fetch the broker's master and make it ours."""

import asyncio
import hashlib
from dataclasses import replace
from datetime import timedelta
from uuid import UUID

import structlog

from breezeway.clock import Clock
from breezeway.errors import BreezewayError, Retryable
from breezeway.ids import new_id
from instruments_service.application.ports import (
    Announcer,
    LimitSource,
    MasterReader,
    MasterSource,
    MasterStore,
    MergeOrder,
    SyncLog,
    SyncWaker,
)
from instruments_service.domain.acceptance import ANYTHING, Policy, accept
from instruments_service.domain.listing import MAPPING_VERSION
from instruments_service.domain.sync_run import MAX_ATTEMPTS, RETRY_SECONDS, Stage, SyncRun, SyncState, due

_log = structlog.get_logger()


class RequestSync:
    """Writes the intent of a run and wakes a worker. The row is what counts; the sweeper repeats a lost wake-up."""

    def __init__(self, log: SyncLog, waker: SyncWaker, source_url: str, clock: Clock) -> None:
        self._log = log
        self._waker = waker
        self._source_url = source_url
        self._clock = clock

    async def __call__(self, requested_by: str, *, force: bool = False) -> SyncRun:
        """The run that was requested, or the one that is open already.

        Args:
            requested_by: a user's id, `schedule` or `startup`.
            force: merge even an unchanged, older or much smaller master.
        """
        run = await self._log.request(
            SyncRun(
                id=new_id(),
                state=SyncState.QUEUED,
                requested_at=self._clock.now(),
                requested_by=requested_by,
                force=force,
                attempts=0,
                source=self._source_url,
            )
        )
        await self._waker.wake(run)
        return run


class SyncMaster:
    """Does a requested run. Running it twice is harmless: it is exclusive, and a closed run is not claimed again."""

    def __init__(
        self,
        *,
        source: MasterSource,
        reader: MasterReader,
        store: MasterStore,
        log: SyncLog,
        waker: SyncWaker,
        announcer: Announcer,
        limits: LimitSource,
        clock: Clock,
        policy: Policy,
        max_attempts: int = MAX_ATTEMPTS,
    ) -> None:
        self._source = source
        self._reader = reader
        self._store = store
        self._log = log
        self._waker = waker
        self._announcer = announcer
        self._limits = limits
        self._clock = clock
        self._policy = policy
        self._max_attempts = max_attempts

    async def __call__(self, sync_id: UUID) -> None:
        """Attempt the run. Failures end up in its row, not in an exception; the old master stays."""
        async with self._store.exclusive() as alone:
            if not alone:
                _log.info("sync_busy", sync_id=str(sync_id))
                return
            run = await self._log.claim(sync_id, self._clock.now())
            if run is None:
                return
            if run.attempts > self._max_attempts:
                await self._log.fail(
                    run, "sync_gave_up", f"Its process died {self._max_attempts} times.", self._clock.now()
                )
                return
            try:
                await self._attempt(run)
                await self._tell(run)
            except BreezewayError as error:
                await self._settle(run, error)
            except Exception:
                # A fault of ours: said in the run, where an operator looks, and loudly in the log.
                await self._log.fail(
                    run, "internal_error", "An unexpected error; the worker's log has it.", self._clock.now()
                )
                raise

    async def _attempt(self, run: SyncRun) -> None:
        started = self._clock.now()
        await self._reach(run, Stage.DOWNLOADING)
        limits = await self._limits.read()
        archive = await self._source.fetch()
        sha256 = await asyncio.to_thread(lambda: hashlib.sha256(archive).hexdigest())
        before = await self._log.last_completed()
        if (
            not run.force
            and before is not None
            and before.sha256 == sha256
            and before.mapping_version == MAPPING_VERSION
            and before.limits_version == limits.version
        ):
            await self._log.complete_unchanged(run, before, started, self._clock.now())
            _log.info("sync_unchanged", sync_id=str(run.id))
            return
        await self._reach(run, Stage.PARSING)
        intake = limits.apply(await self._reader.read(archive))
        await self._reach(run, Stage.CHECKING)
        policy = ANYTHING if run.force else self._policy
        last_date = before.master_date if before is not None else None
        accept(intake, await self._store.active_by_file(), last_date, policy)
        await self._reach(run, Stage.STORING)
        counts = await self._store.merge(MergeOrder(run, intake, started, sha256, len(archive), limits.version))
        await self._announcer.master_changed(run.id)
        _log.info(
            "sync_completed",
            sync_id=str(run.id),
            stored=counts.stored,
            refused=len(intake.refused),
            added=counts.added,
            changed=counts.changed,
            expired=counts.expired,
            delisted=counts.delisted,
        )

    async def _reach(self, run: SyncRun, stage: Stage) -> None:
        await self._log.reached(run, stage)
        await self._announcer.progressed(replace(run, stage=stage))

    async def _tell(self, run: SyncRun) -> None:
        """Announce the run as it stands in the database now."""
        now = await self._log.get(run.id)
        if now is not None:
            await self._announcer.progressed(now)

    async def _settle(self, run: SyncRun, error: BreezewayError) -> None:
        _log.warning("sync_failed", sync_id=str(run.id), code=error.code, detail=error.detail, attempt=run.attempts)
        if isinstance(error, Retryable) and run.attempts < self._max_attempts:
            wait = RETRY_SECONDS[min(run.attempts, len(RETRY_SECONDS)) - 1]
            await self._log.retry(run, error.code, error.detail, self._clock.now() + timedelta(seconds=wait))
            await self._waker.wake(run, delay=wait)
        else:
            await self._log.fail(run, error.code, error.detail, self._clock.now())
        await self._tell(run)


class SweepSyncs:
    """Runs every minute: wakes what Redis forgot or a dead process left, and requests what is due."""

    def __init__(self, log: SyncLog, request: RequestSync, waker: SyncWaker, clock: Clock) -> None:
        self._log = log
        self._request = request
        self._waker = waker
        self._clock = clock

    async def __call__(self) -> None:
        now = self._clock.now()
        waiting = await self._log.open_run()
        if waiting is not None:
            run, not_before = waiting
            if not_before is None or not_before <= now:
                # A run that is really being worked on is left alone by the job itself, which finds the lock taken.
                await self._waker.wake(run)
            return
        why = due(now, await self._log.last_completed(), await self._log.last())
        if why is not None:
            await self._request(why)
