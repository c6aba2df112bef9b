"""A message on its way to many connections: made once, shared by all of their outboxes."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Final, NamedTuple


class Parcel(NamedTuple):
    """`key` is what a newer parcel may replace; None means that this one must not be lost."""

    key: str | None
    body: bytes
    size: int
    parts: tuple["Parcel", ...] = ()
    """What a bundle consists of, for whoever must look at single messages; empty for a single message."""


# Matched against the bytes as `breezeway.contracts.stream.encode` writes them: `type` last, `closed` before it. A
# message that fits none is kept, so a change over there costs memory with slow clients, never a lost message.
_REPLACEABLE: Final = (b'"type":"tick"}', b'"type":"depth"}', b'"closed":false,"type":"candle"}')
_SEQUENCE: Final = b'"seq":'
_START: Final = b'"t":'
MOST_BYTES: Final = 262_144
"""Of one bundle. Many client libraries refuse frames of more than 1 MiB, and any pause makes the next one big."""
_GAP: Final = b'{"type":"gap"'


def parcel(topic: str, body: bytes) -> Parcel:
    """A message of a topic. Ticks, depths and forming bars give way to newer ones; nothing else does."""
    return Parcel(topic if body.endswith(_REPLACEABLE) else None, body, len(body))


def bundle(parcels: Sequence[Parcel]) -> Parcel:
    """Several messages as one parcel, so that they are joined once however many connections they go to."""
    if len(parcels) == 1:
        return parcels[0]
    body = b",".join([parcel.body for parcel in parcels])
    return Parcel(None, body, len(body), tuple(parcels))


def newest(parcels: Iterable[Parcel]) -> list[Parcel]:
    """The last parcel of each key, and all without one; in order, bundles taken apart."""
    kept: dict[object, Parcel] = {}
    position = 0
    for parcel in parcels:
        for part in parcel.parts or (parcel,):
            position += 1
            name: object = part.key if part.key is not None else position
            # Taken out first, so that the newer parcel stands behind whatever came between the two.
            kept.pop(name, None)
            kept[name] = part
    return list(kept.values())


def pieces(parcels: list[Parcel]) -> Iterator[list[Parcel]]:
    """Cut what belongs to one audience into bundles of at most `MOST_BYTES`, or of one message that is larger."""
    if sum([parcel[2] for parcel in parcels]) <= MOST_BYTES:
        yield parcels
        return
    piece: list[Parcel] = []
    size = 0
    for each in parcels:
        if piece and size + each.size > MOST_BYTES:
            yield piece
            piece, size = [], 0
        piece.append(each)
        size += each.size
    yield piece


def lasting_parcel(body: bytes) -> Parcel:
    """A message that must arrive, whatever it is: replies and snapshots."""
    return Parcel(None, body, len(body))


def position_of(body: bytes) -> int | None:
    """Where a message stands in its channel: `seq` of a tick or depth, `t` of a candle; None where it has neither."""
    return _number(body, _SEQUENCE) if _SEQUENCE in body else _number(body, _START)


def position_after(body: bytes) -> int | None:
    """The lowest position that may follow a message: the next `seq`, but the same `t`, since a bar goes on forming."""
    position = position_of(body)
    return position if position is None or _SEQUENCE not in body else position + 1


def _number(body: bytes, field: bytes) -> int | None:
    at = body.find(field)
    if at < 0:
        return None
    start = end = at + len(field)
    while end < len(body) and 48 <= body[end] <= 57:
        end += 1
    return int(body[start:end]) if end > start else None


def is_gap(body: bytes) -> bool:
    return body.startswith(_GAP)
