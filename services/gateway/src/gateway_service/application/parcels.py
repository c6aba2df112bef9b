"""A message on its way to many connections: made once, shared by all of their outboxes."""

from typing import NamedTuple


class Parcel(NamedTuple):
    """`key` is what a newer parcel may replace; None means that this one must not be lost."""

    key: str | None
    body: bytes
    size: int


_GAP = b'{"type":"gap"'
_CLOSED_BAR = b'"closed":true'


def market_parcel(topic: str, body: bytes) -> Parcel:
    """A message of a feed. Ticks, depths and forming bars give way to newer ones; gaps and closed bars never do."""
    if body.startswith(_GAP) or _CLOSED_BAR in body:
        return Parcel(None, body, len(body))
    return Parcel(topic, body, len(body))


def private_parcel(body: bytes) -> Parcel:
    """A message that must arrive: replies, order events, notifications."""
    return Parcel(None, body, len(body))


def position_of(body: bytes) -> int | None:
    """Where a message stands in its channel: `seq` of a tick or depth, `t` of a candle; None where it has neither."""
    for field in (b'"seq":', b'"t":'):
        at = body.find(field)
        if at >= 0:
            start = at + len(field)
            end = start
            while end < len(body) and 48 <= body[end] <= 57:
                end += 1
            return int(body[start:end]) if end > start else None
    return None


def is_gap(body: bytes) -> bool:
    return body.startswith(_GAP)
