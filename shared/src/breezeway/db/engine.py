"""One asyncpg engine a process, with limits that keep a slow query from holding everybody."""

from typing import Any

from sqlalchemy import NullPool, make_url
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from breezeway.db.liveness import watch_liveness
from breezeway.observability.pools import POOLS

_DIALECT = "postgresql+asyncpg"


def create_engine(
    url: str,
    *,
    application: str,
    pool_size: int = 5,
    statement_timeout: float = 30.0,
    pooled: bool = True,
) -> AsyncEngine:
    """An engine for `url` (`postgresql://…`; the driver is ours to choose).

    Args:
        application: shows in `pg_stat_activity`.
        pool_size: connections kept; as many again may be opened for a moment.
        statement_timeout: seconds after which PostgreSQL gives up on one statement.
        pooled: False opens a connection for each use, for one-shot commands and tests.
    """
    milliseconds = str(int(statement_timeout * 1000))
    pooling: dict[str, Any] = (
        {
            "pool_size": pool_size,
            "max_overflow": pool_size,
            "pool_timeout": 5,
            "pool_recycle": 1800,
        }
        if pooled
        else {"poolclass": NullPool}
    )
    engine = create_async_engine(
        make_url(url).set(drivername=_DIALECT),
        **pooling,
        # A failed statement would otherwise carry its values, hashes and tokens included, into the log.
        hide_parameters=True,
        connect_args={
            "timeout": 5,
            "command_timeout": statement_timeout + 5,
            "server_settings": {
                "application_name": application,
                "timezone": "UTC",
                "statement_timeout": milliseconds,
                "lock_timeout": "5000",
                "idle_in_transaction_session_timeout": "60000",
                "jit": "off",
            },
        },
    )
    if pooled:
        watch_liveness(engine)
    POOLS.add_engine(engine, application, 2 * pool_size)
    return engine
