"""Runs of the master's synchronisation."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query, status

from breezeway.errors import NotFound
from breezeway.security.dependencies import AdminUser
from breezeway.security.scopes import Reader
from instruments_service.api.dependencies import TheSyncLog, TheSyncRequest
from instruments_service.api.schemas import RefusedLine, Sync, SyncDetail, SyncPage

router = APIRouter(prefix="/api/v1/instruments/sync", tags=["instruments"])

_REFUSED_LINES = 500


@router.post("", name="sync_instruments", status_code=status.HTTP_202_ACCEPTED, summary="Fetch the master now")
async def request_sync(
    admin: AdminUser,
    request: TheSyncRequest,
    force: Annotated[bool, Query(description="Merge even an unchanged, older or much smaller master.")] = False,
) -> Sync:
    """Administrators only. Answers the run that is open already, if there is one."""
    return Sync.of(await request(str(admin.user_id), force=force), {})


@router.get("", name="list_instrument_syncs", summary="The last runs")
async def runs(_user: Reader, log: TheSyncLog, limit: Annotated[int, Query(ge=1, le=100)] = 20) -> SyncPage:
    """Newest first: what each changed, and why lines were refused."""
    recent = await log.recent(limit)
    reasons = await log.reasons([run.id for run in recent])
    return SyncPage(items=[Sync.of(run, dict(reasons.get(run.id, {}))) for run in recent])


@router.get("/{sync_id}", name="get_instrument_sync", summary="One run, with the lines it refused")
async def one(_user: Reader, log: TheSyncLog, sync_id: UUID) -> SyncDetail:
    """The first 500 refused lines."""
    run = await log.get(sync_id)
    if run is None:
        raise NotFound(f"There is no run {sync_id}.", code="sync_not_found")
    reasons = await log.reasons([sync_id])
    lines = await log.refused(sync_id, _REFUSED_LINES)
    run_fields = dict(Sync.of(run, dict(reasons.get(sync_id, {}))))
    return SyncDetail(**run_fields, refused_lines=[RefusedLine.of(line) for line in lines])
