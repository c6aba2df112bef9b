"""Answers of the public routes that are not in the shared contracts."""

from datetime import date, datetime
from enum import StrEnum
from typing import Self
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from breezeway.contracts.instruments import Instrument
from instruments_service.domain.sync_run import Refused, Stage, SyncRun, SyncState


class ListedExchange(StrEnum):
    """Every exchange that an instrument may be of."""

    NSE = "NSE"
    BSE = "BSE"
    NFO = "NFO"
    BFO = "BFO"
    CDS = "CDS"
    MCX = "MCX"
    NSE_INDEX = "NSE_INDEX"
    BSE_INDEX = "BSE_INDEX"
    MF = "MF"


class ContractExchange(StrEnum):
    """Exchanges of futures and options."""

    NFO = "NFO"
    BFO = "BFO"
    CDS = "CDS"
    MCX = "MCX"


class Status(StrEnum):
    ACTIVE = "active"
    EXPIRED = "expired"
    DELISTED = "delisted"


class InstrumentPage(BaseModel):
    """One page of instruments."""

    model_config = ConfigDict(frozen=True)

    items: list[Instrument]
    next: str | None = Field(None, description="Pass it as `cursor` for the next page; null on the last one.")


class Expiries(BaseModel):
    """The days on which the contracts of an underlying expire, from today on, as the exchange set them."""

    model_config = ConfigDict(frozen=True)

    underlying: str = Field(examples=["NIFTY"])
    exchange: str = Field(examples=["NFO"])
    items: list[date] = Field(examples=[["2026-11-24", "2026-12-01"]])


class RefusedLine(BaseModel):
    """One line of the master that is no instrument."""

    model_config = ConfigDict(frozen=True)

    file: str = Field(examples=["NSEScripMaster.txt"])
    line: int = Field(description="Counted from 1, the header.", examples=[17])
    reason: str = Field(examples=["token_unusable"])
    text: str = Field(description="Its first 200 characters.")

    @classmethod
    def of(cls, refused: Refused) -> Self:
        return cls(file=refused.file, line=refused.line, reason=refused.reason, text=refused.text)


class Sync(BaseModel):
    """One run of the master's synchronisation."""

    model_config = ConfigDict(frozen=True)

    id: UUID
    state: SyncState = Field(examples=["completed"])
    requested_at: datetime
    requested_by: str = Field(description="A user's id, `schedule` or `startup`.", examples=["schedule"])
    force: bool
    attempts: int
    source: str
    stage: Stage | None = Field(
        description="Where the attempt is; of a failed run, where it failed.", examples=["storing"]
    )
    progress: float | None = Field(description="0 to 1: the share of the work that lies behind.", examples=[0.5])
    started_at: datetime | None
    finished_at: datetime | None
    seconds: float | None = Field(description="From the start of the download to the commit.")
    master_date: date | None = Field(description="The day the broker built it, IST.")
    sha256: str | None
    rows: int | None = Field(description="Data lines in all files; always stored + refused.")
    stored: int | None
    added: int | None
    changed: int | None = Field(description="Name, symbol, lot, tick, token, series or status changed.")
    bands_changed: int | None = Field(description="Only the price bands moved.")
    expired: int | None
    delisted: int | None = Field(description="Gone from the master before any expiry.")
    unchanged: int | None
    refused: int | None
    refused_by_reason: dict[str, int]
    rows_by_file: dict[str, int]
    missing_files: list[str] = Field(description="Their instruments were left as they are.")
    error_code: str | None
    error_detail: str | None

    @classmethod
    def of(cls, run: SyncRun, reasons: dict[str, int]) -> Self:
        counts = run.counts
        return cls(
            id=run.id,
            state=run.state,
            requested_at=run.requested_at,
            requested_by=run.requested_by,
            force=run.force,
            attempts=run.attempts,
            source=run.source,
            stage=run.stage,
            progress=None if run.stage is None else run.stage.progress,
            started_at=run.started_at,
            finished_at=run.finished_at,
            seconds=None if run.seconds is None else round(run.seconds, 3),
            master_date=run.master_date,
            sha256=run.sha256,
            rows=run.rows,
            stored=counts.stored if counts else None,
            added=counts.added if counts else None,
            changed=counts.changed if counts else None,
            bands_changed=counts.bands_changed if counts else None,
            expired=counts.expired if counts else None,
            delisted=counts.delisted if counts else None,
            unchanged=counts.unchanged if counts else None,
            refused=run.refused,
            refused_by_reason=reasons,
            rows_by_file=run.files or {},
            missing_files=list(run.missing),
            error_code=run.error_code,
            error_detail=run.error_detail,
        )


class SyncDetail(Sync):
    """A run with the first lines that it refused."""

    refused_lines: list[RefusedLine]


class SyncPage(BaseModel):
    """The last runs, newest first."""

    model_config = ConfigDict(frozen=True)

    items: list[Sync]
    next: None = None
