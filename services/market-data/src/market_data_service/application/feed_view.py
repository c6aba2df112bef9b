"""`GET /api/v1/feed`: what the owner of the user's feed says of itself, and how old that is."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol
from uuid import UUID

import orjson

from breezeway.contracts.broker import BrokerSession
from market_data_service.application.feed_ports import FeedDescriptions

_OWNER_GONE_MS = 10_000
"""An owner describes itself every second; after this silence nobody believes it."""


class SessionOfUser(Protocol):
    """Which broker session serves a user."""

    async def of_user(self, user_id: UUID) -> BrokerSession | None: ...


@dataclass(frozen=True, slots=True)
class FeedGap:
    """The last time that ticks may have been missed; exchange time, epoch milliseconds."""

    start_ms: int
    end_ms: int
    reason: str


@dataclass(frozen=True, slots=True)
class FeedStatus:
    """A feed from outside. Times are epoch milliseconds; `age_ms` is the age of the newest tick."""

    feed: str | None
    state: str
    reason: str | None = None
    owner: str | None = None
    fence: int | None = None
    since_ms: int | None = None
    connected_ms: int | None = None
    subscriptions: int = 0
    rooms: int = 0
    ticks_per_second: float = 0.0
    age_ms: int | None = None
    last_gap: FeedGap | None = None


class ReadFeed:
    """Args:
    now_ms: wall time, epoch milliseconds.
    """

    def __init__(self, sessions: SessionOfUser, descriptions: FeedDescriptions, now_ms: Callable[[], int]) -> None:
        self._sessions = sessions
        self._descriptions = descriptions
        self._now_ms = now_ms

    async def of(self, user_id: UUID) -> FeedStatus:
        """The user's feed. `state` is `no_session` without a broker session, and `waiting` when nobody serves it."""
        session = await self._sessions.of_user(user_id)
        if session is None:
            return FeedStatus(None, "no_session", "Connect a broker account first: see /api/v1/broker-accounts.")
        feed = str(session.account_id)
        facts = await self._descriptions.described(feed)
        now = self._now_ms()

        def number(name: str) -> int | None:
            value = facts.get(name)
            return int(value) if value is not None and value.isdigit() else None

        updated = number("updated_ms")
        silent = updated is None or now - updated > _OWNER_GONE_MS
        if silent or facts.get("state") == "stopped":
            reason = "Nobody listens, or no feed owner is running." if silent else facts.get("reason")
            return FeedStatus(feed, "waiting", reason, last_gap=_gap(facts.get("last_gap")))
        received = number("last_received_ms")
        return FeedStatus(
            feed,
            facts.get("state", "waiting"),
            facts.get("reason"),
            # The host's name is for operators; a user only sees whether it is the same process as before.
            facts.get("owner", "").rpartition(":")[2] or None,
            number("fence"),
            number("since_ms"),
            number("connected_ms"),
            number("subscriptions") or 0,
            number("rooms") or 0,
            float(facts.get("ticks_per_second", 0)),
            None if received is None else max(0, now - received),
            _gap(facts.get("last_gap")),
        )


def _gap(raw: str | None) -> FeedGap | None:
    if raw is None:
        return None
    body = orjson.loads(raw)
    return FeedGap(int(body["from"]), int(body["to"]), str(body["reason"]))
