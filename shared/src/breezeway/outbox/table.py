"""The table that every service which has something to tell owns one of, and how an event gets into it."""

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncSession

from breezeway.contracts.events import Event
from breezeway.observability import tracing


def event_outbox(metadata: sa.MetaData) -> sa.Table:
    """The table, as a service's own metadata and migration have it."""
    return sa.Table(
        "event_outbox",
        metadata,
        sa.Column("id", sa.BigInteger, sa.Identity(always=True), primary_key=True),
        sa.Column("event", JSONB, nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False, server_default=sa.text("now()")),
        sa.Column("refused", sa.Text, comment="Why the receiver will never take it; kept for a person to look at."),
    )


async def put(session: AsyncSession | AsyncConnection, outbox: sa.Table, event: Event) -> None:
    """Tell `event` if, and only if, the caller's transaction commits. Its delivery goes on in the current trace."""
    marked = event.model_copy(update=tracing.mark())
    await session.execute(sa.insert(outbox).values(event=marked.model_dump(mode="json")))
