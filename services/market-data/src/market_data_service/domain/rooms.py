"""Which broker rooms carry which channels, and when to enter and leave them. Pure."""

from collections.abc import Set
from dataclasses import dataclass, field

from breezeway.contracts.stream import Channel, ChannelKind


def quote_room(broker_token: str) -> str:
    """The room of quotes: Breeze's feed token itself, `4.1!2885`."""
    return broker_token


def depth_room(broker_token: str) -> str | None:
    """The room of depth, `4.2!2885`; None for a token that is not of the quote form."""
    head, bang, token = broker_token.partition("!")
    exchange, dot, kind = head.partition(".")
    return f"{exchange}.2!{token}" if bang and dot and kind == "1" else None


def bars_room(broker_token: str) -> str | None:
    """The room of the broker's own bars; None for a token that is not of the quote form."""
    head, bang, token = broker_token.partition("!")
    exchange, dot, kind = head.partition(".")
    if not (bang and dot and kind == "1"):
        return None
    # BSE's derivatives have another number there than for quotes.
    return f"2.1!{token}" if exchange == "8" else broker_token


def room_of(channel: Channel, broker_token: str) -> str | None:
    """The room that feeds a channel; None when no room does."""
    return depth_room(broker_token) if channel.kind is ChannelKind.DEPTH else quote_room(broker_token)


@dataclass(slots=True)
class RoomPlan:
    """Desired against actual rooms of one socket. Joins are due at once; a room is left only after it has not been
    wanted for `linger` seconds, because readers come back and the broker may not like the churn.

    Call `forget` when the socket is gone: on the next one nothing has been joined yet.
    """

    linger: float = 5.0
    joined: set[str] = field(default_factory=set)
    _unwanted_since: dict[str, float] = field(default_factory=dict)

    def due(self, wanted: Set[str], now: float) -> tuple[set[str], set[str]]:
        """The rooms to join and to leave at monotonic second `now`."""
        for room in wanted:
            self._unwanted_since.pop(room, None)
        leave = set()
        for room in self.joined - wanted:
            if now - self._unwanted_since.setdefault(room, now) >= self.linger:
                leave.add(room)
        return set(wanted - self.joined), leave

    def done(self, *, joined: Set[str] = frozenset(), left: Set[str] = frozenset()) -> None:
        """Note what the broker has been told."""
        self.joined |= joined
        self.joined -= left
        for room in left:
            self._unwanted_since.pop(room, None)

    def forget(self) -> None:
        self.joined.clear()
        self._unwanted_since.clear()
