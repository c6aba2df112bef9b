"""When a feed counts as down for its user: not at every hiccup, and once an outage."""

from typing import Final

import structlog

from breezeway.contracts.broker import BrokerSession
from breezeway.errors import BreezewayError
from market_data_service.application.feed_ports import Outages
from market_data_service.domain.feed_state import FeedState

DOWN_AFTER_MS: Final = 30_000
# An ended broker session is told by auth, which knows of it first and says what to do.
_NOT_OURS: Final = frozenset({FeedState.SESSION_EXPIRED, FeedState.STOPPED})

_log = structlog.get_logger()


class OutageWatch:
    """Looked at regularly. Remembers only what saves asking the database; the database knows what was told."""

    def __init__(self, outages: Outages, now_ms: int) -> None:
        self._outages = outages
        self._well_ms = now_ms
        self._told: bool | None = None
        """None while nobody has asked what the owner before us has told."""

    async def look(self, session: BrokerSession, state: FeedState, reason: str | None, now_ms: int) -> None:
        """Note the state of now, and tell the user what changed for them. What cannot be told now is told later."""
        if state is FeedState.LIVE or state in _NOT_OURS:
            self._well_ms = now_ms
        try:
            if state is FeedState.LIVE and self._told is not False:
                await self._outages.back(session, now_ms)
                self._told = False
            elif now_ms - self._well_ms >= DOWN_AFTER_MS and not self._told:
                await self._outages.down(session, self._well_ms, reason or state.value)
                self._told = True
        except BreezewayError as error:
            _log.warning("outage_not_told", feed=str(session.account_id), code=error.code)
