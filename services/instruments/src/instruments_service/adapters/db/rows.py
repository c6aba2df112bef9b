"""How rows of the database become what the rest of the service speaks of."""

from typing import Any

from sqlalchemy import RowMapping

from breezeway.contracts.instruments import Instrument
from instruments_service.domain.ranking import Candidate
from instruments_service.domain.sync_run import MergeCounts, Stage, SyncRun, SyncState

INSTRUMENT_COLUMNS = (
    "instrument_id, symbol, exchange, segment, type, name, isin, series, lot_size, tick_size, freeze_quantity, expiry, "
    'strike, "right", underlying, lower_band, upper_band, broker_code, broker_token, status'
)


def instrument(row: RowMapping) -> Instrument:
    """The contract's instrument of a row that has `INSTRUMENT_COLUMNS`."""
    return Instrument(
        instrument_id=row["instrument_id"],
        symbol=row["symbol"],
        exchange=row["exchange"],
        segment=row["segment"],
        type=row["type"],
        name=row["name"],
        isin=row["isin"],
        series=row["series"],
        lot_size=row["lot_size"],
        tick_size=_plain(row["tick_size"]),
        freeze_quantity=row["freeze_quantity"],
        expiry=row["expiry"],
        strike=_plain(row["strike"]),
        right=row["right"],
        underlying=row["underlying"],
        lower_band=_plain(row["lower_band"]),
        upper_band=_plain(row["upper_band"]),
        broker_code=row["broker_code"],
        broker_token=row["broker_token"],
        status=row["status"],
    )


def candidate(row: RowMapping) -> Candidate:
    """What the ranking needs of a row that also has `code`, `popularity` and `similarity`."""
    return Candidate(
        instrument_id=row["instrument_id"],
        symbol=row["symbol"],
        code=row["code"],
        broker_code=row["broker_code"],
        isin=row["isin"],
        name=row["name"],
        popularity=row["popularity"],
        similarity=row["similarity"],
    )


def sync_run(row: RowMapping) -> SyncRun:
    """A run of the `syncs` table."""
    done = row["stored"] is not None
    return SyncRun(
        id=row["id"],
        state=SyncState(row["state"]),
        requested_at=row["requested_at"],
        requested_by=row["requested_by"],
        force=row["force"],
        attempts=row["attempts"],
        source=row["source"],
        started_at=row["started_at"],
        finished_at=row["finished_at"],
        master_date=row["master_date"],
        sha256=row["sha256"],
        size=row["size"],
        rows=row["rows"],
        refused=row["refused"],
        counts=MergeCounts(
            stored=row["stored"],
            added=row["added"],
            changed=row["changed"],
            bands_changed=row["bands_changed"],
            expired=row["expired"],
            delisted=row["delisted"],
            unchanged=row["unchanged"],
        )
        if done
        else None,
        files=row["files"],
        missing=tuple(row["missing"] or ()),
        seconds=row["seconds"],
        error_code=row["error_code"],
        error_detail=row["error_detail"],
        mapping_version=row["mapping_version"],
        stage=None if row["stage"] is None else Stage(row["stage"]),
        limits_version=row["limits_version"],
    )


def _plain(number: Any) -> Any:
    """A NUMERIC without the zeros its column's scale adds, and without an exponent (`normalize` writes 1E+3)."""
    if number is None:
        return None
    short = number.normalize()
    return short.quantize(1) if short.as_tuple().exponent > 0 else short
