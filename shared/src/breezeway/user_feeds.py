"""Whose feed a user sees: asked from auth, remembered for a while."""

import time
from collections import OrderedDict
from uuid import UUID

from breezeway.contracts.broker import BrokerSession
from breezeway.errors import Conflict, NotFound, Retryable
from breezeway.http.client import ServiceClient

_FEED_SECONDS = 30.0
_NO_FEED_SECONDS = 3.0
_MOST = 20_000


class AuthFeeds:
    """A feed is named after the broker account whose session it is."""

    def __init__(self, auth: ServiceClient) -> None:
        self._auth = auth
        self._known: OrderedDict[UUID, tuple[float, str | None]] = OrderedDict()

    async def feed_of(self, user_id: UUID) -> str | None:
        known = self._known.get(user_id)
        if known is not None and known[0] > time.monotonic():
            return known[1]
        try:
            session = await self._auth.call("GET", f"/internal/users/{user_id}/broker-session", BrokerSession)
            feed: str | None = str(session.account_id)
        except (NotFound, Conflict):
            feed = None
        except Retryable:
            # An auth that restarts must not take the market away from whoever has it.
            if known is None:
                raise
            feed = known[1]
        self._known[user_id] = (time.monotonic() + (_FEED_SECONDS if feed else _NO_FEED_SECONDS), feed)
        if len(self._known) > _MOST:
            self._known.popitem(last=False)
        return feed
