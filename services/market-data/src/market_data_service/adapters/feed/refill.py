"""Asks for a gap's minutes to be fetched from history."""

from collections.abc import Collection
from datetime import datetime
from uuid import UUID

import structlog

_log = structlog.get_logger()


class LoggedRefill:
    """Implements `feed_ports.GapRefill` by noting what is lacking; the days stay partial until somebody backfills."""

    async def request(self, user_id: UUID, symbols: Collection[str], start: datetime, end: datetime) -> None:
        _log.warning("gap_to_refill", user_id=str(user_id), symbols=len(symbols), start=str(start), end=str(end))
