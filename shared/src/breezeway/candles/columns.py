"""Candles as columns: one NumPy array per field, which is how they are stored, aggregated and answered."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

Floats: TypeAlias = NDArray[np.float64]
Integers: TypeAlias = NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False)
class Candles:
    """Bars in ascending order of time.

    `t` is the bar's *start*, epoch seconds UTC; `o h l c` are prices; `v` is the volume of the bar; `oi` the
    open interest at its end, or None where the instrument has none. The arrays belong to this object: do not
    write to them.
    """

    t: Integers
    o: Floats
    h: Floats
    l: Floats  # noqa: E741  the field's name in every answer and table
    c: Floats
    v: Integers
    oi: Integers | None = None

    def __post_init__(self) -> None:
        columns = (self.t, self.o, self.h, self.l, self.c, self.v, *(() if self.oi is None else (self.oi,)))
        if any(column.ndim != 1 or len(column) != len(self.t) for column in columns):
            raise ValueError("the columns of candles must be one-dimensional and equally long")

    def __len__(self) -> int:
        return len(self.t)

    def __getitem__(self, part: slice | NDArray[np.bool_] | NDArray[np.intp]) -> "Candles":
        """The bars that a slice, a mask or an index array selects."""
        return Candles(
            self.t[part],
            self.o[part],
            self.h[part],
            self.l[part],
            self.c[part],
            self.v[part],
            None if self.oi is None else self.oi[part],
        )

    @classmethod
    def empty(cls) -> "Candles":
        return cls.of([], [], [], [], [], [])

    @classmethod
    def of(
        cls,
        t: Iterable[int] | Integers,
        o: Iterable[float] | Floats,
        h: Iterable[float] | Floats,
        low: Iterable[float] | Floats,
        c: Iterable[float] | Floats,
        v: Iterable[int] | Integers,
        oi: Iterable[int] | Integers | None = None,
    ) -> "Candles":
        """Build from any sequences, converting to the column types. Does not check; see `faults`."""
        return cls(
            _integers(t),
            _floats(o),
            _floats(h),
            _floats(low),
            _floats(c),
            _integers(v),
            None if oi is None else _integers(oi),
        )

    def between(self, start: int, end: int) -> "Candles":
        """Bars that start in [start, end), epoch seconds."""
        first, last = np.searchsorted(self.t, [start, end])
        return self[first:last]

    def equals(self, other: "Candles") -> bool:
        """Whether both hold exactly the same bars."""
        if (self.oi is None) != (other.oi is None):
            return False
        pairs = [(self.t, other.t), (self.o, other.o), (self.h, other.h), (self.l, other.l), (self.c, other.c)]
        pairs.append((self.v, other.v))
        if self.oi is not None and other.oi is not None:
            pairs.append((self.oi, other.oi))
        return all(np.array_equal(mine, theirs) for mine, theirs in pairs)

    def faults(self) -> list[str]:
        """What makes these bars unfit to be stored, in words; empty when they are sound.

        Sound: times strictly ascending, prices finite and positive, low ≤ open, close ≤ high, volume and open
        interest not negative.
        """
        found = []
        if np.any(np.diff(self.t) <= 0):
            found.append("times do not ascend")
        prices = (self.o, self.h, self.l, self.c)
        if not all(np.all(np.isfinite(price)) for price in prices):
            found.append("a price is not a number")
        elif any(np.any(price <= 0) for price in prices):
            found.append("a price is not positive")
        if np.any((self.l > self.o) | (self.l > self.c) | (self.h < self.o) | (self.h < self.c)):
            found.append("open or close lies outside low and high")
        if np.any(self.v < 0) or (self.oi is not None and np.any(self.oi < 0)):
            found.append("volume or open interest is negative")
        return found


def concat(parts: Iterable[Candles]) -> Candles:
    """One after the other. Open interest survives when any part has it; parts without count as 0 there."""
    kept = [part for part in parts if len(part)]
    if not kept:
        return Candles.empty()
    if len(kept) == 1:
        return kept[0]
    oi: Integers | None = None
    if any(part.oi is not None for part in kept):
        oi = np.concatenate([part.oi if part.oi is not None else np.zeros(len(part), np.int64) for part in kept])
    return Candles(
        np.concatenate([part.t for part in kept]),
        np.concatenate([part.o for part in kept]),
        np.concatenate([part.h for part in kept]),
        np.concatenate([part.l for part in kept]),
        np.concatenate([part.c for part in kept]),
        np.concatenate([part.v for part in kept]),
        oi,
    )


def _floats(values: Iterable[float] | Floats) -> Floats:
    return np.asarray(values if isinstance(values, np.ndarray) else list(values), dtype=np.float64)


def _integers(values: Iterable[int] | Integers) -> Integers:
    return np.asarray(values if isinstance(values, np.ndarray) else list(values), dtype=np.int64)
