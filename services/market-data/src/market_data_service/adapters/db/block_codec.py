"""How a trading day's bars are packed into one `bytea`.

Columns one after the other, each an array of big-endian numbers as PostgreSQL itself sends them, so that SQL can
build and read a block as well as NumPy:

    t        int32      seconds since midnight IST
    o h l c  int32      the price times `price_scale` (100 or 10,000); or float64, when `price_scale` is 0
    v        int32      or int64, as `volume_bytes` says
    oi       int32      or int64, as `interest_bytes` says; missing when that is 0

The narrowest form that gives back exactly the same numbers is taken. Blocks are not compressed: a year takes longer to
decompress than to read (docs/decisions, candle encoding).
"""

from collections.abc import Callable, Sequence
from itertools import groupby
from operator import attrgetter
from typing import NamedTuple, cast

import numpy as np
from numpy.typing import NDArray

from breezeway.candles.columns import Candles, Floats, Integers

_SCALES = (100, 10_000)
_INT32 = 2**31 - 1


class Layout(NamedTuple):
    """What has to be known to read a block. Days with equal layouts are read together."""

    bars: int
    price_scale: int
    volume_bytes: int
    interest_bytes: int


class Block(NamedTuple):
    """A packed day; `midnight` is midnight IST in epoch seconds."""

    midnight: int
    layout: Layout
    body: bytes


def pack(candles: Candles, midnight: int) -> Block:
    """Pack the bars of one day, which must not be empty."""
    prices = np.concatenate((candles.o, candles.h, candles.l, candles.c))
    scale, packed = _scaled(prices)
    volume_bytes = _width(candles.v)
    interest_bytes = 0 if candles.oi is None else _width(candles.oi)
    parts = [(candles.t - midnight).astype(">i4").tobytes(), packed, candles.v.astype(f">i{volume_bytes}").tobytes()]
    if candles.oi is not None:
        parts.append(candles.oi.astype(f">i{interest_bytes}").tobytes())
    return Block(midnight, Layout(len(candles), scale, volume_bytes, interest_bytes), b"".join(parts))


class PackedCandles:
    """Blocks one after the other, unpacked as far as somebody needs.

    Open interest, where only some blocks have it, is 0 in the others.
    """

    def __init__(self, blocks: Sequence[Block]) -> None:
        self._blocks = blocks

    def __len__(self) -> int:
        return sum(block.layout.bars for block in self._blocks)

    def candles(self) -> Candles:
        """All bars.

        Every column is converted straight into its place in the answer: copies would cost as much as the conversion.
        """
        whole = _room(len(self), np.float64, has_interest=self._has_interest)
        self._fill(whole, scaled=True)
        return whole

    def fold(self, fold: Callable[[Candles], Candles]) -> Candles:
        """`fold(self.candles())`, cheaper: `fold` sees prices as the whole numbers that are stored, when all blocks
        have the same scale, and only what it returns is scaled. So it may pick, compare and leave out prices, never
        calculate with them."""
        scales = {block.layout.price_scale for block in self._blocks}
        if len(scales) != 1 or 0 in scales:
            return fold(self.candles())
        whole = _room(len(self), np.int32, has_interest=self._has_interest)
        self._fill(whole, scaled=False)
        found, scale = fold(whole), scales.pop()
        # Division, as in `_unpack_run`, so that both ways give the same numbers to the last bit.
        return Candles(found.t, found.o / scale, found.h / scale, found.l / scale, found.c / scale, found.v, found.oi)

    @property
    def _has_interest(self) -> bool:
        return any(block.layout.interest_bytes for block in self._blocks)

    def _fill(self, whole: Candles, *, scaled: bool) -> None:
        at = 0
        for layout, run in groupby(self._blocks, key=attrgetter("layout")):
            same = list(run)
            until = at + layout.bars * len(same)
            _unpack_run(layout, same, whole[at:until], scaled=scaled)
            at = until


def unpack(blocks: Sequence[Block]) -> Candles:
    """The bars of all blocks, one after the other."""
    return PackedCandles(blocks).candles()


def _room(size: int, price: type[np.float64] | type[np.int32], *, has_interest: bool) -> Candles:
    o, h, low, c = (cast(Floats, np.empty(size, price)) for _ in range(4))
    interest = np.zeros(size, np.int64) if has_interest else None
    return Candles(np.empty(size, np.int64), o, h, low, c, np.empty(size, np.int64), interest)


def _unpack_run(layout: Layout, blocks: Sequence[Block], into: Candles, *, scaled: bool) -> None:
    shape = (len(blocks), layout.bars)
    raw = np.frombuffer(b"".join(block.body for block in blocks), np.uint8).reshape(len(blocks), -1)
    at = 0

    def column(kind: str) -> NDArray[np.generic]:
        nonlocal at
        start, at = at, at + layout.bars * np.dtype(kind).itemsize
        return raw[:, start:at].view(kind)

    midnights = np.array([block.midnight for block in blocks], np.int64)
    np.add(column(">i4"), midnights[:, None], out=into.t.reshape(shape))
    for price in (into.o, into.h, into.l, into.c):
        if layout.price_scale and scaled:
            # Division, not multiplication by the inverse: only it gives back the nearest double of the decimal number.
            np.divide(column(">i4"), layout.price_scale, out=price.reshape(shape))
        else:
            price.reshape(shape)[:] = column(">i4" if layout.price_scale else ">f8")
    into.v.reshape(shape)[:] = column(f">i{layout.volume_bytes}")
    if layout.interest_bytes and into.oi is not None:
        into.oi.reshape(shape)[:] = column(f">i{layout.interest_bytes}")


def _scaled(prices: Floats) -> tuple[int, bytes]:
    for scale in _SCALES:
        whole = np.rint(prices * scale)
        if np.all(np.abs(whole) <= _INT32) and np.array_equal(whole / scale, prices):
            return scale, whole.astype(">i4").tobytes()
    return 0, prices.astype(">f8").tobytes()


def _width(column: Integers) -> int:
    return 4 if len(column) == 0 or (column.max() <= _INT32 and column.min() >= -_INT32) else 8
