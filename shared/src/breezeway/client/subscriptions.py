"""What a stream wants to hear, how far it has heard, and what has to be said to hear it again. Pure."""

from collections.abc import Iterable, Mapping
from typing import Final

from breezeway.client.messages import Place, Raw, place_of
from breezeway.contracts.stream import MARKET_KINDS, Channel
from breezeway.errors import BreezewayError, InvalidInput, NotFound, Rejected

_NOT_FOUND: Final = frozenset({"instrument_not_found", "no_broker_session"})
_INVALID: Final = frozenset({"invalid_channel", "unsupported_interval", "too_many_channels", "invalid_command"})


class Subscriptions:
    """The wanted channels, as the user wrote them, and the places reached in the durable ones.

    Args:
        since: places to go on from, by durable channel.
    """

    def __init__(self, channels: Iterable[str], since: Mapping[str, Place] | None = None) -> None:
        self.wanted: dict[str, None] = {}
        self.places: dict[str, Place] = dict(since or {})
        self.add([*channels, *self.places])

    def add(self, channels: Iterable[str]) -> list[str]:
        """Want these too; those that are new.

        Raises:
            InvalidInput: `invalid_channel` or `unsupported_interval`; none of them is added then.
        """
        names = list(dict.fromkeys(channels))
        for name in names:
            Channel.parse(name)
        new = [name for name in names if name not in self.wanted]
        self.wanted.update(dict.fromkeys(new))
        return new

    def remove(self, channels: Iterable[str]) -> None:
        for name in channels:
            self.wanted.pop(name, None)
            self.places.pop(name, None)

    def command(self, channels: Iterable[str], number: int) -> Raw:
        """The frame that subscribes to `channels`, from where each durable one was left."""
        listed: list[object] = []
        for name in channels:
            place = self.places.get(name)
            since = None if place is None else {"offset": place.offset, "epoch": place.epoch}
            listed.append(name if since is None else {"channel": name, "since": since})
        return {"action": "subscribe", "id": number, "channels": listed}

    def arrived(self, raw: Raw) -> bool:
        """Remember a message of a durable channel; False when it was here before, so that it is not passed on."""
        place = place_of(raw)
        if place is None:
            return True
        channel = self.channel_of(raw, place)
        before = self.places.get(channel)
        if before is not None and before.epoch == place.epoch and place.offset <= before.offset:
            return False
        self.places[channel] = place
        return True

    def stands_at(self, raw: Raw) -> bool:
        """Read a `position` message; whether everything since our place is going to come.

        When it is, the place stays where it was: what is replayed moves it, so that a cut in the middle of the replay
        loses nothing.
        """
        place = place_of(raw)
        channel, recovered = str(raw.get("channel")), bool(raw.get("recovered"))
        if place is not None and (not recovered or channel not in self.places):
            self.places[channel] = place
        return recovered

    def channel_of(self, raw: Raw, place: Place) -> str:
        """The durable channel that a message came on, which it does not say itself."""
        # An epoch belongs to one channel; only a channel's first message ever has one that is not known yet.
        for channel, known in self.places.items():
            if known.epoch == place.epoch:
                return channel
        return "notifications" if raw["type"] == "notification" else "orders"


def symbols_of(channels: Iterable[str]) -> list[str]:
    """The instruments of the market channels among the names that a server listed."""
    found: dict[str, None] = {}
    for name in channels:
        try:
            channel = Channel.parse(name)
        except InvalidInput:
            continue  # a newer server's kind of channel
        if channel.kind in MARKET_KINDS and channel.symbol is not None:
            found[channel.symbol] = None
    return list(found)


def refusal(raw: Raw) -> BreezewayError:
    """A stream's `error` message as an error."""
    code = str(raw.get("code", "refused"))
    kind = NotFound if code in _NOT_FOUND else InvalidInput if code in _INVALID else Rejected
    channel = raw.get("channel")
    context = {} if channel is None else {"channel": channel}
    return kind(str(raw.get("detail", "The channel was refused.")), code=code, context=context)


def passes(code: str, *, known: bool) -> bool:
    """Whether a refused channel may be accepted later. `known`: it has been accepted before."""
    return code.endswith(("_unavailable", "_timeout", "_fault")) or (known and code == "no_broker_session")
