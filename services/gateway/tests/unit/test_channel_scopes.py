"""What a key may follow on the stream is what it may read over REST."""

import pytest

from breezeway.contracts.stream import Channel, ChannelKind
from breezeway.errors import Forbidden
from gateway_service.domain.channel_scopes import check_channel

MARKET = ("tick:NSE:INFY", "depth:NSE:INFY", "candle:1m:NSE:INFY", "feed", "backfills")
PRIVATE = ("orders", "notifications")


@pytest.mark.parametrize("name", [*MARKET, *PRIVATE])
@pytest.mark.parametrize("scope", ["read", "data", "trade", "admin"])
def test_a_channel_takes_the_scope_of_its_routes(name: str, scope: str) -> None:
    allowed = scope == "read" or scope == ("data" if name in MARKET else "trade")
    if allowed:
        check_channel(Channel.parse(name), {scope})
    else:
        with pytest.raises(Forbidden) as refused:
            check_channel(Channel.parse(name), {scope})
        assert refused.value.code == "scope_missing"


def test_every_kind_of_channel_is_tried_here() -> None:
    assert {Channel.parse(name).kind for name in (*MARKET, *PRIVATE)} == set(ChannelKind)
