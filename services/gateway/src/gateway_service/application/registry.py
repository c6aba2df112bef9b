"""Every connection of this process, for whatever concerns more than one of them."""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from uuid import UUID

import structlog

from breezeway.contracts.stream import GapMessage
from breezeway.errors import BreezewayError, NotFound
from gateway_service.application.connection import Connection
from gateway_service.application.parcels import lasting_parcel
from gateway_service.application.stream_ports import FeedDirectory, Interest
from gateway_service.domain.close_codes import CloseCode

Kick = Callable[[CloseCode, str], None]
"""Ends a connection soon, from outside of its own tasks."""

_log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class _Member:
    connection: Connection
    kick: Kick


@dataclass(frozen=True, slots=True)
class Load:
    """How busy the connections are; bytes are those waiting in outboxes."""

    connections: int
    users: int
    waiting_bytes: int
    largest: int
    conflated: int
    """Messages that newer ones replaced, since the process started."""
    gaps: int
    """Gaps that were told to clients, one an instrument and client."""
    closed: Mapping[str, int]
    """Connections that we closed, by reason."""


class Registry:
    """Knows all connections. Nothing here waits for a client.

    Args:
        max_per_user: connections that one user may have open to this process.
        slow_seconds: how long one write may take before the client counts as not reading.
        time: monotonic seconds of the event loop.
    """

    def __init__(
        self,
        *,
        feeds: FeedDirectory,
        interest: Interest,
        max_per_user: int = 10,
        slow_seconds: float = 5.0,
        time: Callable[[], float],
        now_ms: Callable[[], int],
    ) -> None:
        self._feeds = feeds
        self._interest = interest
        self._max_per_user = max_per_user
        self._slow_seconds = slow_seconds
        self._time = time
        self._now_ms = now_ms
        self._members: dict[int, _Member] = {}
        self._of_user: dict[UUID, set[int]] = defaultdict(set)
        self._conflated = 0
        self._gaps = 0
        self._closed: Counter[str] = Counter()
        self.draining = False

    def __len__(self) -> int:
        return len(self._members)

    def add(self, connection: Connection, kick: Kick) -> None:
        self._members[connection.number] = _Member(connection, kick)

    def enter(self, connection: Connection, user_id: UUID) -> bool:
        """Count an authenticated connection to its user; False when the user has too many."""
        theirs = self._of_user[user_id]
        if connection.number not in theirs and len(theirs) >= self._max_per_user:
            return False
        theirs.add(connection.number)
        return True

    def note_closed(self, reason: str) -> None:
        """Count a connection that we have closed."""
        self._closed[reason] += 1

    def remove(self, connection: Connection) -> None:
        if self._members.pop(connection.number, None) is not None:
            self._conflated += connection.outbox.conflated
        if connection.principal is not None:
            theirs = self._of_user.get(connection.principal.user_id)
            if theirs is not None:
                theirs.discard(connection.number)
                if not theirs:
                    del self._of_user[connection.principal.user_id]

    def revoke(self, user_id: UUID, session_id: str | None) -> int:
        """Close the connections of a user, or of one of their sign-ins; how many there were."""
        gone = [
            member
            for member in self._of(user_id)
            if session_id is None
            or (member.connection.principal is not None and member.connection.principal.session_id == session_id)
        ]
        for member in gone:
            member.kick(CloseCode.UNAUTHENTICATED, "credentials_revoked")
        return len(gone)

    def kick_stuck(self) -> int:
        """Close the connections whose present write has taken too long."""
        before = self._time() - self._slow_seconds
        stuck = [
            member
            for member in self._members.values()
            if (since := member.connection.outbox.sending_since) is not None and since <= before
        ]
        for member in stuck:
            member.kick(CloseCode.TOO_SLOW, "too_slow")
        return len(stuck)

    def drain(self) -> None:
        """Send everybody away; no new connection is accepted."""
        self.draining = True
        for member in list(self._members.values()):
            member.kick(CloseCode.GOING_AWAY, "going_away")

    def announce_gap(self, seconds: float, reason: str) -> None:
        """Tell every client that messages of its instruments may be missing from the last `seconds`."""
        until = self._now_ms()
        since = until - int(seconds * 1000)
        encoded: dict[str, bytes] = {}
        for member in self._members.values():
            for symbol in {c.symbol for c in member.connection.market_channels() if c.symbol is not None}:
                body = encoded.get(symbol)
                if body is None:
                    body = encoded[symbol] = GapMessage(symbol, since, until, reason).encode()
                member.connection.outbox.post(lasting_parcel(body))
                self._gaps += 1

    async def recover(self) -> None:
        """Bring everybody's durable channels up to date after a cut."""
        for member in list(self._members.values()):
            await member.connection.recover()

    async def refresh_interest(self) -> None:
        """Keep alive what the clients of this process listen to."""
        wanted: dict[str, set[str]] = defaultdict(set)
        for member in self._members.values():
            if member.connection.feed is not None:
                wanted[member.connection.feed].update(member.connection.market_names())
        for feed, channels in wanted.items():
            if channels:
                await self._interest.announce(feed, channels)

    async def reassign(self, user_ids: Iterable[UUID] | None = None) -> None:
        """Look up the feed of users again (all when None) and move the connections whose feed has changed."""
        for user_id in list(self._of_user) if user_ids is None else [u for u in user_ids if u in self._of_user]:
            # Also those whose feed has ended: their user may have opened a new broker session.
            members = [member for member in self._of(user_id) if member.connection.wants_feed]
            if not members:
                continue
            feed: str | None
            try:
                feed = await self._feeds.feed_of(user_id)
            except NotFound:
                feed = None
            except BreezewayError as error:
                # Auth is away: the present feed stays, the next event or refresh asks again.
                _log.warning("feed_lookup_failed", code=error.code)
                continue
            for member in members:
                await member.connection.move(feed, "broker_session_changed")

    def load(self) -> Load:
        boxes = [member.connection.outbox for member in self._members.values()]
        waiting = [box.waiting_bytes for box in boxes]
        return Load(
            connections=len(boxes),
            users=len(self._of_user),
            waiting_bytes=sum(waiting),
            largest=max(waiting, default=0),
            conflated=self._conflated + sum(box.conflated for box in boxes),
            gaps=self._gaps,
            closed=dict(self._closed),
        )

    def _of(self, user_id: UUID) -> list[_Member]:
        return [self._members[n] for n in self._of_user.get(user_id, ()) if n in self._members]
