"""Telling a feed's user that it is down, and that it is back: each once an outage, whoever owns the feed by then."""

from datetime import UTC, datetime

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncEngine

from breezeway.contracts.broker import BrokerSession
from breezeway.contracts.events import Event, EventKind, Severity
from breezeway.db.unit_of_work import UnitOfWork
from breezeway.outbox.table import put
from market_data_service.adapters.db.feed_tables import feed_outages
from market_data_service.adapters.db.tables import events


class PostgresOutages:
    """Implements `feed_ports.Outages`. The row and the event are written in one transaction."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    async def down(self, session: BrokerSession, since_ms: int, why: str) -> None:
        since = datetime.fromtimestamp(since_ms / 1000, UTC)
        values = {"feed": str(session.account_id), "since": since}
        noted = insert(feed_outages).values(values).on_conflict_do_nothing().returning(feed_outages.c.feed)
        async with UnitOfWork(self._engine) as work:
            if (await work.session.execute(noted)).one_or_none() is not None:
                text = f"No live prices since then: {why}. It is tried again all the time."
                title = "Your live feed is down"
                event = _event(session, EventKind.FEED_DOWN, title, text, since, Severity.WARNING)
                await put(work.session, events, event)
                await work.commit()

    async def back(self, session: BrokerSession, now_ms: int) -> None:
        now = datetime.fromtimestamp(now_ms / 1000, UTC)
        ended = sa.delete(feed_outages).where(feed_outages.c.feed == str(session.account_id))
        async with UnitOfWork(self._engine) as work:
            row = (await work.session.execute(ended.returning(feed_outages.c.since))).one_or_none()
            if row is not None:
                text = f"It was down for {int((now - row.since).total_seconds())} seconds; the minutes are fetched."
                event = _event(session, EventKind.FEED_BACK, "Your live feed is back", text, now, Severity.INFO)
                await put(work.session, events, event)
                await work.commit()


def _event(session: BrokerSession, kind: EventKind, title: str, text: str, at: datetime, severity: Severity) -> Event:
    data = {"account_id": str(session.account_id)}
    return Event(user_id=session.user_id, kind=kind, severity=severity, title=title, text=text, at=at, data=data)
