"""Instruments as JSON, ready to be sent, in one buffer: as objects they would take five times as much. Pure."""

from collections.abc import Sequence

import numpy as np


class Descriptions:
    """Filled once, in the order of the numbers, and then only read."""

    def __init__(self) -> None:
        self._buffer = bytearray()
        self._ids: list[int] = []
        self._ends: list[int] = []

    def add(self, rows: Sequence[tuple[int, str]]) -> None:
        """Numbers and their instruments as JSON; numbers must rise."""
        for number, text in rows:
            self._buffer += text.encode()
            self._ids.append(number)
            self._ends.append(len(self._buffer))

    def freeze(self) -> "FrozenDescriptions":
        """The same, to be read."""
        return FrozenDescriptions(self._buffer, self._ids, self._ends)


class FrozenDescriptions:
    """Immutable; safe to share between tasks and threads."""

    def __init__(self, buffer: bytearray, ids: Sequence[int], ends: Sequence[int]) -> None:
        self._buffer = buffer
        self._ids = np.array(ids, np.int32)
        self._bounds = np.array([0, *ends], np.int64)

    def of(self, ids: Sequence[int]) -> list[bytes]:
        """The instruments with these numbers, in that order; unknown numbers are left out."""
        found = []
        # Of the same type, or NumPy would copy all of ours into the wider one at each search.
        wanted = np.array(ids, self._ids.dtype)
        for number, place in zip(ids, np.searchsorted(self._ids, wanted).tolist(), strict=True):
            if place < len(self._ids) and self._ids[place] == number:
                found.append(bytes(self._buffer[self._bounds[place] : self._bounds[place + 1]]))
        return found
