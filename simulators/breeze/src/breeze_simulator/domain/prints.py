"""The trades inside a day's minutes. Live ticks are these prints, and second bars are folds of them.

A minute's prints start at its open, end at its close, touch its high and low and share out its volume exactly, so that
any fold of them gives the minute back. They are drawn in blocks of rows, each from its own seed: a tick rate, a speed
or the moment at which somebody starts to listen cannot change them.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np

from breeze_simulator.domain.day_path import DayPath, Floats, Ints
from breeze_simulator.domain.lru import Lru
from breeze_simulator.domain.rng import generator

BLOCK_ROWS: Final = 16
EVERY_SECOND: Final = 60
"""As many prints a minute put one on each second, which is how an index is computed."""

_NOISE: Final = 0.12
_CACHED_BLOCKS: Final = 1200


@dataclass(frozen=True, slots=True, eq=False)
class PrintBlock:
    """Prints of up to `BLOCK_ROWS` rows, ascending; running values are the day's so far."""

    time: Ints
    price: Floats
    quantity: Ints
    volume: Ints
    turnover: Floats
    high: Floats
    low: Floats
    row: Ints

    def __len__(self) -> int:
        return len(self.time)


class PrintBook:
    """Blocks of prints, kept while in use."""

    def __init__(self, seed: int) -> None:
        self._seed = seed
        self._blocks: Lru[tuple[str, int, int], PrintBlock] = Lru(_CACHED_BLOCKS)

    def block(self, path: DayPath, number: int) -> PrintBlock:
        """The prints of rows [number * BLOCK_ROWS, (number + 1) * BLOCK_ROWS)."""
        key = (path.key, path.midnight, number)
        known = self._blocks.get(key)
        if known is None:
            known = _draw(self._seed, path, number)
            self._blocks.put(key, known)
        return known


def blocks_of(path: DayPath) -> int:
    """How many blocks the path has."""
    return -(-len(path) // BLOCK_ROWS)


def _draw(seed: int, path: DayPath, number: int) -> PrintBlock:
    first = number * BLOCK_ROWS
    rows = slice(first, first + BLOCK_ROWS)
    rng = generator(seed, "prints", path.key, path.day, number)
    opens, highs, lows, closes = path.open[rows], path.high[rows], path.low[rows], path.close[rows]
    volume, count = path.volume[rows], len(path.minute[rows])
    width = path.prints_per_minute
    counts = _counts(rng, highs == lows, volume // path.lot, width, count)
    if path.auction and first + count == len(path):
        counts[-1] = 1

    position = np.arange(width)[None, :]
    last = (counts - 1)[:, None]
    used = position <= last
    seconds = _seconds(rng, counts, width)
    prices = _prices(rng, position, last, opens, highs, lows, closes, path.tick_size)

    weights = np.where(used, rng.standard_exponential(size=(count, width)) + 0.05, 0.0)
    share = np.cumsum(weights, axis=1)
    share /= share[:, -1:]
    lots = volume // path.lot
    running = np.floor(share * lots[:, None] + 1e-9).astype(np.int64) * path.lot
    # Rounding may leave a remainder (file volumes need not be whole lots): the minute's last print takes it.
    running = np.where(position >= last, volume[:, None], running)
    quantity = np.diff(running, axis=1, prepend=0)

    before = int(path.volume[:first].sum())
    ends = before + np.cumsum(volume)
    running = running + (ends - volume)[:, None]
    # Within a minute every trade counts at the minute's average price, so that turnover needs no earlier block.
    typical = (path.open + path.high + path.low + path.close) / 4
    worth = typical * path.volume
    done = float(worth[:first].sum()) + np.concatenate(([0.0], np.cumsum(worth[rows])[:-1]))
    turnover = done[:, None] + typical[rows][:, None] * (running - (ends - volume)[:, None])

    flat_prices = prices[used]
    top = float(path.high[:first].max()) if first else -np.inf
    bottom = float(path.low[:first].min()) if first else np.inf
    start = (path.midnight + path.minute[rows] * 60)[:, None]
    return PrintBlock(
        time=(start + seconds)[used],
        price=flat_prices,
        quantity=quantity[used],
        volume=running[used],
        turnover=np.round(turnover[used], 2),
        high=np.maximum(np.maximum.accumulate(flat_prices), top),
        low=np.minimum(np.minimum.accumulate(flat_prices), bottom),
        row=np.broadcast_to((first + np.arange(count))[:, None], used.shape)[used],
    )


def _counts(rng: np.random.Generator, flat: np.ndarray, lots: Ints, width: int, count: int) -> Ints:
    """Prints of each minute: fewer when little traded, one at least, four where four prices must be visited."""
    fewest = width if width == EVERY_SECOND else max(width * 2 // 3, 1)
    busy = rng.integers(fewest, width + 1, size=count)
    traded = np.where(lots > 0, np.minimum(busy, np.maximum(lots, 1)), busy)
    counts: Ints = np.where(flat, traded, np.maximum(traded, min(4, width)))
    return counts


def _seconds(rng: np.random.Generator, counts: Ints, width: int) -> Ints:
    """Ascending seconds of the minute; unused places come last."""
    if width == EVERY_SECOND:
        return np.broadcast_to(np.arange(width), (len(counts), width))
    drawn = rng.integers(0, 60, size=(len(counts), width))
    drawn = np.where(np.arange(width)[None, :] < counts[:, None], drawn, 1000)
    return np.sort(drawn, axis=1)


def _prices(
    rng: np.random.Generator,
    position: Ints,
    last: Ints,
    opens: Floats,
    highs: Floats,
    lows: Floats,
    closes: Floats,
    tick: float,
) -> Floats:
    count, width = len(opens), position.shape[1]
    first_turn, second_turn = rng.random(size=(2, count, 1))
    # Turning points strictly between the first and the last print; meaningless, and unused, below four prints.
    one = 1 + np.floor(first_turn * np.maximum(last - 2, 1)).astype(np.int64)
    two = one + 1 + np.floor(second_turn * np.maximum(last - 1 - one, 1)).astype(np.int64)
    # A rising minute usually dips first.
    rising = closes >= opens
    low_first = (rng.random(count) < np.where(rising, 0.75, 0.25))[:, None]
    o, h, low, c = opens[:, None], highs[:, None], lows[:, None], closes[:, None]
    a, b = np.where(low_first, low, h), np.where(low_first, h, low)

    way = np.where(
        position <= one,
        o + (a - o) * position / one,
        np.where(
            position <= two,
            a + (b - a) * (position - one) / np.maximum(two - one, 1),
            b + (c - b) * (position - two) / np.maximum(last - two, 1),
        ),
    )
    way = way + _NOISE * (h - low) * rng.standard_normal(size=(count, width))
    way = np.clip(np.round(np.round(way / tick) * tick, 4), low, h)
    way = np.where(position == one, a, np.where(position == two, b, way))
    way = np.where(position == 0, o, way)
    prices: Floats = np.where(position == last, c, way)
    return prices
