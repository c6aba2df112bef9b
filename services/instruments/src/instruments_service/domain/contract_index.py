"""Active futures and options in memory, by underlying, expiry and strike. Pure."""

from collections.abc import Mapping, Sequence
from datetime import date
from decimal import Decimal
from types import MappingProxyType
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from breezeway.contracts.instruments import Right
from instruments_service.domain.query import ExpiryHint
from instruments_service.domain.ranking import Underlying

PER_EXPIRY: Final = 4
"""Of one expiry, when a strike was named: it and its neighbours; then the next expiry."""

FUTURE: Final = 0
_RIGHTS: Final[Mapping[str | None, int]] = MappingProxyType({None: FUTURE, Right.CALL.value: 1, Right.PUT.value: 2})
_ROW: Final = np.dtype([("book", "i4"), ("expiry", "i4"), ("strike", "f8"), ("right", "i1"), ("id", "i4")])


class Contract(NamedTuple):
    """One future (no strike, no right) or option."""

    instrument_id: int
    exchange: str
    underlying: str
    expiry: date
    strike: Decimal | None
    right: str | None
    lower_band: Decimal | None
    upper_band: Decimal | None


class _Book(NamedTuple):
    """The contracts of one underlying: rows [start, end); `level` is about where it trades."""

    start: int
    end: int
    level: float


class ContractTable:
    """Contracts on their way into an index: they are packed batch by batch, for as rows they would take 500 bytes each.

    Rows may come in any order.
    """

    def __init__(self) -> None:
        self.books: dict[tuple[str, str], int] = {}
        self.levels: dict[int, tuple[date, float]] = {}
        self._batches: list[NDArray[np.void]] = []

    def add(self, rows: Sequence[Contract]) -> None:
        packed = np.empty(len(rows), _ROW)
        for place, row in enumerate(rows):
            book = self.books.setdefault((row.exchange, row.underlying), len(self.books))
            strike = 0.0 if row.strike is None else float(row.strike)
            packed[place] = (book, row.expiry.toordinal(), strike, _RIGHTS[row.right], row.instrument_id)
            if row.right is None and row.lower_band is not None and row.upper_band is not None:
                # Price bands lie evenly around yesterday's close of the nearest future.
                level = row.expiry, float(row.lower_band + row.upper_band) / 2
                self.levels[book] = min(self.levels.get(book, level), level)
        self._batches.append(packed)

    def rows(self) -> NDArray[np.void]:
        """All of them, by book, expiry, strike and right."""
        every = np.concatenate(self._batches) if self._batches else np.empty(0, _ROW)
        return every[np.lexsort((every["right"], every["strike"], every["expiry"], every["book"]))]


class ContractIndex:
    """Immutable once built; safe to share between tasks and threads. 17 bytes a contract."""

    def __init__(self, table: ContractTable, underlyings: Sequence[Underlying]) -> None:
        self.underlyings: Sequence[Underlying] = underlyings
        rows = table.rows()
        self._ids = rows["id"].copy()
        self._expiry = rows["expiry"].copy()
        self._strike = rows["strike"].copy()
        self._right = rows["right"].copy()
        self._books: dict[tuple[str, str], _Book] = {}
        for name, book in table.books.items():
            start, end = np.searchsorted(rows["book"], [book, book + 1]).tolist()
            _, level = table.levels.get(book, (date.max, float(np.median(self._strike[start:end]))))
            self._books[name] = _Book(start, end, level)

    def __len__(self) -> int:
        return len(self._ids)

    def contracts(
        self,
        underlyings: Sequence[Underlying],
        *,
        type_: str | None,
        strike: Decimal | None,
        right: Right | None,
        expiry: ExpiryHint | None,
        exactly: bool,
        limit: int,
    ) -> list[int]:
        """Ids of contracts of `underlyings`, in their order; nearest expiry first, then nearest to the strike.

        Args:
            exactly: nothing but contracts at `strike` itself.
        """
        found: list[int] = []
        for underlying in underlyings:
            book = self._books.get((underlying.exchange, underlying.code))
            if book is None:
                continue
            rows = slice(book.start, book.end)
            wanted = self._wanted(rows, type_, right, strike if exactly else None)
            near = float(strike) if strike is not None else book.level
            days = self._expiry[rows][wanted]
            # They are sorted: the first of each day, without the sorting that `unique` would do.
            for day in days[np.flatnonzero(np.diff(days, prepend=-1))].tolist():
                if len(found) >= limit:
                    return found
                if expiry is None or expiry.matches(date.fromordinal(day)):
                    most = limit if strike is None or type_ == "future" else min(limit, PER_EXPIRY)
                    found += self._of_day(book, wanted, day, near, min(most, limit - len(found)))
        return found[:limit]

    def _wanted(self, rows: slice, type_: str | None, right: Right | None, strike: Decimal | None) -> NDArray[np.bool_]:
        rights = self._right[rows]
        wanted = np.ones(len(rights), np.bool_)
        if type_ == "future":
            wanted &= rights == FUTURE
        elif type_ is not None:
            wanted &= rights != FUTURE
        if right is not None and type_ != "future":
            wanted &= rights == _RIGHTS[right.value]
        if strike is not None:
            wanted &= self._strike[rows] == float(strike)
        return wanted

    def _of_day(self, book: _Book, wanted: NDArray[np.bool_], day: int, near: float, limit: int) -> list[int]:
        low, high = np.searchsorted(self._expiry[book.start : book.end], [day, day + 1]) + book.start
        here = np.flatnonzero(wanted[low - book.start : high - book.start]) + low
        # A future has no strike to be far from.
        away = np.where(self._right[here] == FUTURE, -1.0, np.abs(self._strike[here] - near))
        order = np.lexsort((self._right[here], self._strike[here], away))[:limit]
        ids: list[int] = self._ids[here[order]].tolist()
        return ids
