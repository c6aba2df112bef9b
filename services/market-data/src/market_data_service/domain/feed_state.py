"""What a feed is doing, as a table (state, event) to state."""

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType


class FeedState(StrEnum):
    CONNECTING = "connecting"
    """Credentials are read and the socket is opened."""
    LIVE = "live"
    """Connected, and as far as anybody can tell, hearing what there is to hear."""
    STALLED = "stalled"
    """Connected, but silent although the market is open; about to be connected anew."""
    DEGRADED = "degraded"
    """Not connected; waiting before the next try."""
    SESSION_EXPIRED = "session_expired"
    """The broker refuses the session; the user has to log in at the broker again."""
    STOPPED = "stopped"
    """This process does not serve the feed any more."""


class FeedEvent(StrEnum):
    CONNECTED = "connected"
    DATA = "data"
    SILENCE = "silence"
    FAILED = "failed"
    REFUSED = "refused"
    RETRY = "retry"
    STOP = "stop"


TRANSITIONS: Mapping[tuple[FeedState, FeedEvent], FeedState] = MappingProxyType(
    {
        (FeedState.CONNECTING, FeedEvent.CONNECTED): FeedState.LIVE,
        (FeedState.CONNECTING, FeedEvent.FAILED): FeedState.DEGRADED,
        (FeedState.CONNECTING, FeedEvent.REFUSED): FeedState.SESSION_EXPIRED,
        (FeedState.LIVE, FeedEvent.DATA): FeedState.LIVE,
        (FeedState.LIVE, FeedEvent.SILENCE): FeedState.STALLED,
        (FeedState.LIVE, FeedEvent.FAILED): FeedState.DEGRADED,
        (FeedState.LIVE, FeedEvent.RETRY): FeedState.CONNECTING,
        (FeedState.STALLED, FeedEvent.DATA): FeedState.LIVE,
        (FeedState.STALLED, FeedEvent.FAILED): FeedState.DEGRADED,
        (FeedState.STALLED, FeedEvent.RETRY): FeedState.CONNECTING,
        (FeedState.DEGRADED, FeedEvent.RETRY): FeedState.CONNECTING,
        (FeedState.SESSION_EXPIRED, FeedEvent.RETRY): FeedState.CONNECTING,
        **{(state, FeedEvent.STOP): FeedState.STOPPED for state in FeedState},
    }
)


def after(state: FeedState, event: FeedEvent) -> FeedState | None:
    """The state that `event` leads to; None where it means nothing, for example data that was still in flight."""
    return TRANSITIONS.get((state, event))
