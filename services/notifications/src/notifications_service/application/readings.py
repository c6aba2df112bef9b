"""What the feed's ticks say, as alerts read it."""

from datetime import timedelta
from decimal import Decimal
from typing import Any, Final
from uuid import UUID

import orjson
import structlog

from breezeway.clock import Clock
from breezeway.errors import BreezewayError
from notifications_service.application.ports import Feeds, LatestTicks
from notifications_service.domain.alerts import Reading

_OLDEST: Final = timedelta(days=5)
"""A long weekend: the price before it is what a user goes by who sets an alert meanwhile."""

_log = structlog.get_logger()


def reading_of(message: dict[str, Any]) -> Reading | None:
    """What a tick of the stream says; None before the first trade of the day, when its price is 0."""
    if not message["ltp"]:
        return None
    percent = message.get("change_pct")
    return Reading(
        price=Decimal(str(message["ltp"])),
        change_percent=None if percent is None else Decimal(str(percent)),
        volume=message.get("volume"),
        ms=int(message["ts"]),
    )


class LastReadings:
    """What is known of an instrument without waiting for its next tick."""

    def __init__(self, feeds: Feeds, ticks: LatestTicks, clock: Clock) -> None:
        self._feeds = feeds
        self._ticks = ticks
        self._clock = clock

    async def of(self, user_id: UUID, symbol: str) -> Reading | None:
        """None when nothing is known, or only what is older than five days, or it cannot be read just now."""
        try:
            feed = await self._feeds.feed_of(user_id)
            bodies = [] if feed is None else await self._ticks.latest(feed, [symbol])
        except (BreezewayError, OSError) as error:
            # The alert is worth more than knowing where it begins.
            _log.warning("last_reading_unknown", error=type(error).__name__)
            return None
        readings = [reading for body in bodies if (reading := reading_of(orjson.loads(body))) is not None]
        oldest = int((self._clock.now() - _OLDEST).timestamp() * 1000)
        return next((reading for reading in readings if reading.ms >= oldest), None)
