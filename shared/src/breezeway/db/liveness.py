"""Whether a pooled connection still lives, asked where the answer is cheap.

SQLAlchemy's own `pool_pre_ping` costs three round trips a checkout with asyncpg (BEGIN, an empty statement, ROLLBACK),
which was a tenth of a candle request. asyncpg notices by itself when the server closes a connection; only one that lay
idle can have died in silence (a firewall, a sleeping machine), and only that one is asked.
"""

import time
from typing import Any, Final

from sqlalchemy import event
from sqlalchemy.exc import DBAPIError, InvalidatePoolError
from sqlalchemy.ext.asyncio import AsyncEngine

IDLE_SECONDS: Final = 5.0
_RETURNED: Final = "breezeway_returned"


def watch_liveness(engine: AsyncEngine, *, idle_seconds: float = IDLE_SECONDS) -> None:
    """Let `engine` hand out no dead connection: it, and all that are as old, are replaced by new ones."""

    def returned(_connection: Any, record: Any) -> None:
        record.info[_RETURNED] = time.monotonic()

    def check(connection: Any, record: Any, _fairy: Any) -> None:
        if connection.driver_connection.is_closed():
            raise InvalidatePoolError
        since = record.info.get(_RETURNED)
        if since is not None and time.monotonic() - since > idle_seconds:
            try:
                connection.ping()
            except (OSError, DBAPIError, engine.dialect.loaded_dbapi.Error) as error:
                raise InvalidatePoolError from error

    event.listen(engine.sync_engine, "checkin", returned)
    event.listen(engine.sync_engine, "checkout", check)
