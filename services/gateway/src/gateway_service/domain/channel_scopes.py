"""Which scopes a stream channel asks for: the same as the routes that show the same things."""

from collections.abc import Collection, Mapping

from breezeway.contracts.stream import Channel, ChannelKind
from breezeway.errors import Forbidden

_MARKET = frozenset({"read", "data"})
_ENOUGH: Mapping[ChannelKind, frozenset[str]] = {
    ChannelKind.ORDERS: frozenset({"read", "trade"}),
    # Notifications speak of everything, orders and keys included; `data` alone is for market data.
    ChannelKind.NOTIFICATIONS: frozenset({"read", "trade"}),
}


def check_channel(channel: Channel, scopes: Collection[str]) -> None:
    """Raise Forbidden (`scope_missing`) unless one of `scopes` is enough for the channel."""
    enough = _ENOUGH.get(channel.kind, _MARKET)
    if enough.isdisjoint(scopes):
        wanted = " or ".join(f"`{scope}`" for scope in sorted(enough))
        raise Forbidden(f"This needs the scope {wanted}, which the API key does not have.", code="scope_missing")
