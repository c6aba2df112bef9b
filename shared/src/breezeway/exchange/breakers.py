"""Market-wide circuit breakers: how far an index may move before the exchanges halt trading, and for how long.

The figures are `data/breakers.yaml`; what holds on a day is the newest of its rules.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from functools import cache
from importlib.resources import files
from typing import Any, Self

import yaml

from breezeway.clock import IST, ist_datetime
from breezeway.errors import Misconfigured
from breezeway.market_calendar.model import Segment


@dataclass(frozen=True, slots=True)
class Halt:
    """A halt of all shares and their derivatives. Times are aware exchange time.

    Orders are taken again from `entry` on, for the opening at `resumes`; both are the next midnight when trading is
    over for the day.
    """

    index: str
    percent: Decimal
    began: datetime
    entry: datetime
    resumes: datetime

    @property
    def text(self) -> str:
        """What it says in an order's history."""
        what = f"{self.index} moved {self.percent} % from its last close at {_clock(self.began)}"
        if self.entry == self.resumes:
            return f"The exchanges halted trading for the rest of the day: {what}."
        return (
            f"The exchanges halted trading: {what}. They take orders again from {_clock(self.entry)} and trade from "
            f"{_clock(self.resumes)}."
        )


@dataclass(frozen=True, slots=True)
class _Row:
    """`before` None is without limit, `minutes` None the rest of the day."""

    before: time | None
    minutes: int | None


@dataclass(frozen=True, slots=True)
class _Rules:
    since: date
    pre_open: timedelta
    levels: tuple[tuple[Decimal, tuple[_Row, ...]], ...]
    """The widest first."""


class BreakerTable:
    """Immutable once built."""

    def __init__(self, table: Mapping[str, Any]) -> None:
        self.version = str(table["version"])
        self.indices = frozenset(str(each) for each in table["indices"])
        self.segments = frozenset(Segment(each) for each in table["segments"])
        self._rules = sorted((_rules(row) for row in table["rules"]), key=lambda rules: rules.since)

    @classmethod
    def default(cls) -> "BreakerTable":
        """The package's own table, read on first use."""
        return _default()

    @classmethod
    def parse(cls, text: str) -> Self:
        """A table from YAML text.

        Raises:
            Misconfigured: `invalid_breaker_table`.
        """
        try:
            return cls(yaml.safe_load(text))
        except (yaml.YAMLError, KeyError, ValueError, TypeError, AttributeError, ArithmeticError) as fault:
            raise Misconfigured(
                f"The table of breakers is malformed: {fault!r}.", code="invalid_breaker_table"
            ) from fault

    def halt(
        self, index: str, last: Decimal, before: Decimal, at: datetime, *, above: Decimal = Decimal(0)
    ) -> Halt | None:
        """The halt that an index makes by standing at `last`; None without one.

        Args:
            before: its close of the day before.
            above: the widest level that was met today; no narrower one counts again.
        """
        moment = at.astimezone(IST)
        rules = next((each for each in reversed(self._rules) if each.since <= moment.date()), None)
        if rules is None or before <= 0:
            return None
        moved = abs(last - before) * 100 / before
        for percent, rows in rules.levels:
            if percent <= above or moved < percent:
                continue
            row = next((each for each in rows if each.before is None or moment.time() < each.before), None)
            if row is None:
                continue
            if row.minutes is None:
                midnight = ist_datetime(moment.date() + timedelta(days=1), time(0))
                return Halt(index, percent, at, midnight, midnight)
            entry = at + timedelta(minutes=row.minutes)
            return Halt(index, percent, at, entry, entry + rules.pre_open)
        return None


class Breakers:
    """The halts of one market as its index ticks make them. Owned by one task.

    Args:
        known: halts of which somebody else has heard, in any order.
    """

    def __init__(self, table: BreakerTable, known: Iterable[Halt] = ()) -> None:
        self._table = table
        self._halts = sorted(known, key=lambda halt: halt.began)

    def on_index(self, index: str, last: Decimal, before: Decimal, at: datetime) -> Halt | None:
        """The halt that begins with this tick of an index; None when none does."""
        if self.at(at) is not None:
            return None
        day = at.astimezone(IST).date()
        today = [each.percent for each in self._halts if each.began.astimezone(IST).date() == day]
        halt = self._table.halt(index, last, before, at, above=max(today, default=Decimal(0)))
        if halt is not None:
            self._halts.append(halt)
        return halt

    def at(self, moment: datetime) -> Halt | None:
        """The halt that is on, its pre-open included."""
        return next((each for each in self._halts if each.began <= moment < each.resumes), None)


def _rules(row: Mapping[str, Any]) -> _Rules:
    since = row["from"]
    if type(since) is not date:
        raise ValueError(f"{since!r} is not a day")
    levels = [(Decimal(level["percent"]), tuple(_row(each) for each in level["halts"])) for level in row["levels"]]
    return _Rules(since, timedelta(minutes=int(row["pre_open_minutes"])), tuple(sorted(levels, reverse=True)))


def _row(row: Mapping[str, Any]) -> _Row:
    before = row.get("before")
    if bool(row.get("rest_of_day")) == ("minutes" in row):
        raise ValueError("a halt has either `minutes` or `rest_of_day: true`")
    return _Row(
        None if before is None else time.fromisoformat(before), int(row["minutes"]) if "minutes" in row else None
    )


def _clock(at: datetime) -> str:
    return f"{at.astimezone(IST):%H:%M:%S}"


@cache
def _default() -> BreakerTable:
    # Immutable data of the package itself: reading it once per process is no more state than importing a module is.
    return BreakerTable.parse((files("breezeway.exchange") / "data" / "breakers.yaml").read_text("utf-8"))
