"""The feed's state table, pair by pair."""

import itertools

import pytest

from market_data_service.domain.feed_state import FeedEvent, FeedState, after

S, E = FeedState, FeedEvent
LEGAL = {
    (S.CONNECTING, E.CONNECTED): S.LIVE,
    (S.CONNECTING, E.FAILED): S.DEGRADED,
    (S.CONNECTING, E.REFUSED): S.SESSION_EXPIRED,
    (S.LIVE, E.DATA): S.LIVE,
    (S.LIVE, E.SILENCE): S.STALLED,
    (S.LIVE, E.FAILED): S.DEGRADED,
    (S.LIVE, E.RETRY): S.CONNECTING,
    (S.STALLED, E.DATA): S.LIVE,
    (S.STALLED, E.FAILED): S.DEGRADED,
    (S.STALLED, E.RETRY): S.CONNECTING,
    (S.DEGRADED, E.RETRY): S.CONNECTING,
    (S.SESSION_EXPIRED, E.RETRY): S.CONNECTING,
    (S.CONNECTING, E.STOP): S.STOPPED,
    (S.LIVE, E.STOP): S.STOPPED,
    (S.STALLED, E.STOP): S.STOPPED,
    (S.DEGRADED, E.STOP): S.STOPPED,
    (S.SESSION_EXPIRED, E.STOP): S.STOPPED,
    (S.STOPPED, E.STOP): S.STOPPED,
}


@pytest.mark.parametrize(("state", "event"), list(itertools.product(FeedState, FeedEvent)))
def test_every_pair(state: FeedState, event: FeedEvent) -> None:
    assert after(state, event) == LEGAL.get((state, event))


@pytest.mark.parametrize("event", [event for event in FeedEvent if event is not FeedEvent.STOP])
def test_nothing_brings_a_stopped_feed_back(event: FeedEvent) -> None:
    assert after(FeedState.STOPPED, event) is None
