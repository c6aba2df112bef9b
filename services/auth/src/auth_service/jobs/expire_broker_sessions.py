"""Writing down, and announcing, broker sessions that time has ended. Every process does it; row locks keep them
apart.
"""

import asyncio
import random

import structlog

from auth_service.application.broker_connections import BrokerConnections
from breezeway.errors import BreezewayError

_log = structlog.get_logger()


async def expire_for_ever(connections: BrokerConnections, every: float) -> None:
    """Look every `every` seconds until cancelled. A second run finds nothing left to do, so running twice is
    harmless.
    """
    while True:
        try:
            if ended := await connections.write_down_lapsed():
                _log.info("broker_sessions_ended", count=ended)
                continue
        except BreezewayError as error:
            # Readers compute the expiry themselves, so a database that is away only delays the announcement.
            _log.warning("broker_session_expiry_delayed", code=error.code)
        except Exception as error:  # noqa: BLE001 - a supervisor: one bad row must not end the expiry of all others
            _log.error("broker_session_expiry_failed", exc_info=error)
        await asyncio.sleep(every * random.uniform(0.8, 1.2))  # noqa: S311 - jitter, not a secret
