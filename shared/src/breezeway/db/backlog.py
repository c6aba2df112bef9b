"""How much waits in tables that somebody should be emptying, and for how long: outboxes, mails, deliveries."""

import asyncio
from collections.abc import Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import Any, Final

import sqlalchemy as sa
import structlog
from prometheus_client import Gauge
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncEngine

from breezeway import cancellation
from breezeway.db.unit_of_work import UnitOfWork
from breezeway.errors import BreezewayError

_EVERY_SECONDS: Final = 15.0

_WAITING: Final = Gauge("breezeway_backlog_waiting", "Rows that wait, those for later included.", ["backlog"])
_AGE: Final = Gauge(
    "breezeway_backlog_age_seconds",
    "How late the row is that has been due for longest; 0 when none is.",
    ["backlog"],
)
_REFUSED: Final = Gauge(
    "breezeway_backlog_refused", "Rows that nobody will ever take, kept for a person to look at.", ["backlog"]
)

_log = structlog.get_logger()


@dataclass(frozen=True, slots=True, eq=False)
class Backlog:
    """What to measure.

    Args:
        name: label of the metric: the service's name, then what waits.
        due_at: when a row may leave.
        waits: which rows are still to leave; an index on them keeps the measuring cheap.
        refused: which rows will never leave; None when the table keeps no such rows.
    """

    name: str
    due_at: "sa.ColumnElement[Any]"
    waits: "sa.ColumnElement[bool]"
    refused: "sa.ColumnElement[bool] | None" = None

    @classmethod
    def of_events(cls, service: str, outbox: sa.Table) -> "Backlog":
        """The events of a service that notifications has not taken yet."""
        columns = outbox.c
        return cls(f"{service}-events", columns.created_at, columns.refused.is_(None), columns.refused.is_not(None))


@dataclass(frozen=True, slots=True)
class Standing:
    """What a backlog comes to; `age` in seconds."""

    waiting: int
    age: float
    refused: int


async def measure(engine: AsyncEngine, backlog: Backlog) -> Standing:
    """Count by the database's own clock.

    Raises:
        UpstreamUnavailable: PostgreSQL cannot be asked.
    """
    late = sa.extract("epoch", sa.func.clock_timestamp() - sa.func.min(backlog.due_at))
    query = sa.select(sa.func.count(), sa.func.greatest(0, late)).where(backlog.waits)
    async with UnitOfWork(engine) as work:
        waiting, age = (await work.session.execute(query)).one()
        refused = 0
        if backlog.refused is not None:
            refused = await work.session.scalar(sa.select(sa.func.count()).where(backlog.refused)) or 0
    return Standing(int(waiting), float(age or 0), int(refused))


def watch_backlogs(engine: AsyncEngine, backlogs: Sequence[Backlog], stack: AsyncExitStack) -> None:
    """Show them in this process's `/metrics` until `stack` closes. While PostgreSQL is away the last figures stand."""
    task = asyncio.create_task(_watch(engine, backlogs), name="backlog-watch")
    stack.push_async_callback(cancellation.end, [task])


async def _watch(engine: AsyncEngine, backlogs: Sequence[Backlog]) -> None:
    while True:
        cancellation.heed()
        for backlog in backlogs:
            try:
                standing = await measure(engine, backlog)
            except (BreezewayError, SQLAlchemyError, OSError) as error:
                _log.info("backlog_not_measured", backlog=backlog.name, error=type(error).__name__)
                continue
            _WAITING.labels(backlog.name).set(standing.waiting)
            _AGE.labels(backlog.name).set(standing.age)
            if backlog.refused is not None:
                _REFUSED.labels(backlog.name).set(standing.refused)
        await asyncio.sleep(_EVERY_SECONDS)
