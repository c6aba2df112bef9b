"""What a stream yields: the server's messages as objects, and what the client itself has to say."""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, Final, TypeAlias

from breezeway.contracts.stream import CandleMessage, DepthMessage, FeedMessage, GapMessage, TickMessage


@dataclass(frozen=True, slots=True)
class Place:
    """A position in a durable channel; keep it to go on from there: `stream({"orders": place})`."""

    offset: int
    epoch: str


@dataclass(frozen=True, slots=True)
class Event:
    """Something that concerns the user: an order, trade, position, notification, backfill or `broker_order`.

    `body` is the REST object; of a `broker_order`, the fields of `contracts.stream.BrokerOrderMessage`. `place` is
    where it stands in its channel, None when the channel is not durable.
    """

    type: str
    body: Mapping[str, Any]
    place: Place | None = None


@dataclass(frozen=True, slots=True)
class Lost:
    """Messages of a durable channel are lost for this client: it was away for too long. Read the REST lists again."""

    channel: str
    type: str = "lost"


@dataclass(frozen=True, slots=True)
class Refused:
    """A channel that the server had accepted before is refused since the connection was made again."""

    channel: str
    code: str
    detail: str
    type: str = "refused"


Message: TypeAlias = TickMessage | DepthMessage | CandleMessage | GapMessage | FeedMessage | Event | Lost | Refused
"""Everything that a stream yields."""

Raw: TypeAlias = dict[str, Any]

_CLASSES: Final = {"tick": TickMessage, "depth": DepthMessage, "candle": CandleMessage, "feed": FeedMessage}
_FIELDS: Final = {kind: tuple(field.name for field in fields(cls)) for kind, cls in _CLASSES.items()}


def decode(raw: Raw) -> Message:
    """A server's message. Fields that it lacks are None, fields that are new are left out."""
    kind = raw["type"]
    known = _CLASSES.get(kind)
    if known is not None:
        get = raw.get
        message: Message = known(*[get(name) for name in _FIELDS[kind]])
        return message
    if kind == "gap":
        return GapMessage(raw["symbol"], raw["from"], raw["to"], raw["reason"])
    if kind == "lost":
        return Lost(raw["channel"])
    if kind == "refused":
        return Refused(raw["channel"], raw["code"], raw["detail"])
    return Event(kind, raw, place_of(raw))


def place_of(raw: Raw) -> Place | None:
    """Where a message of a durable channel stands."""
    offset, epoch = raw.get("offset"), raw.get("epoch")
    return Place(offset, epoch) if isinstance(offset, int) and isinstance(epoch, str) else None
