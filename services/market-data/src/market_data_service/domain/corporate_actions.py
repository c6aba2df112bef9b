"""Splits, bonuses and dividends, and prices as they would have been with today's shares.

The file is CSV with a header, one action a line; lines that begin with # are left out:

    symbol,ex_date,kind,value
    NSE:INFY,2018-09-04,bonus,1:1
    NSE:IRCTC,2021-10-28,split,5:1
    NSE:ITC,2026-05-28,dividend,7.85

    split     shares after : shares before
    bonus     new shares : shares held
    dividend  rupees a share

Prices before an ex-date are multiplied by before/after, by held/(held + new), or by 1 - dividend/close of the day
before; volumes are multiplied by today's shares for one of then. What is stored never changes.
"""

import csv
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from pathlib import Path

import numpy as np

from breezeway.candles.columns import Candles, Floats
from breezeway.candles.resample import ist_midnight
from breezeway.errors import Misconfigured

_COLUMNS = ("symbol", "ex_date", "kind", "value")
_DECIMALS = 4


class ActionKind(StrEnum):
    SPLIT = "split"
    BONUS = "bonus"
    DIVIDEND = "dividend"


@dataclass(frozen=True, slots=True)
class CorporateAction:
    """`shares` are today's for one of before; `dividend` is in rupees."""

    symbol: str
    ex_date: date
    kind: ActionKind
    shares: float = 1.0
    dividend: float = 0.0


@dataclass(frozen=True, slots=True)
class Step:
    """What bars before `t` are multiplied by."""

    t: int
    price: float
    volume: float


def load(path: Path) -> Mapping[str, Sequence[CorporateAction]]:
    """By canonical symbol, ascending by date.

    Raises:
        Misconfigured: `invalid_corporate_actions`, with the line.
    """
    try:
        with path.open(encoding="utf-8", newline="") as file:
            return parse(file)
    except OSError as error:
        raise Misconfigured(f"{path} cannot be read: {error.strerror}.", code="invalid_corporate_actions") from error


def parse(lines: Iterable[str]) -> Mapping[str, Sequence[CorporateAction]]:
    """As `load`, from the lines of a file."""
    reader = csv.DictReader(line for line in lines if not line.lstrip().startswith("#") and line.strip())
    if tuple(reader.fieldnames or ()) != _COLUMNS:
        raise Misconfigured(
            f"Corporate actions need the columns {','.join(_COLUMNS)}.", code="invalid_corporate_actions"
        )
    found: dict[str, list[CorporateAction]] = {}
    for row in reader:
        try:
            action = _action(row)
        except (ValueError, TypeError, AttributeError) as error:
            raise Misconfigured(
                f"Corporate actions, line {reader.line_num}: {error}.", code="invalid_corporate_actions"
            ) from error
        found.setdefault(action.symbol, []).append(action)
    return {symbol: sorted(actions, key=lambda each: each.ex_date) for symbol, actions in found.items()}


def _action(row: Mapping[str, str]) -> CorporateAction:
    symbol, day, kind = (
        row["symbol"].strip(),
        date.fromisoformat(row["ex_date"].strip()),
        ActionKind(row["kind"].strip()),
    )
    if kind is ActionKind.DIVIDEND:
        amount = float(row["value"])
        if not 0 < amount < float("inf"):
            raise ValueError("a dividend is a positive number of rupees")
        return CorporateAction(symbol, day, kind, dividend=amount)
    first, _, second = row["value"].partition(":")
    new, old = float(first), float(second)
    if not (0 < new < 1e6 and 0 < old < 1e6):
        raise ValueError("a ratio is two positive numbers with a colon")
    return CorporateAction(symbol, day, kind, shares=new / old if kind is ActionKind.SPLIT else (new + old) / old)


def steps(actions: Iterable[CorporateAction], closes: Mapping[date, float]) -> list[Step]:
    """What to multiply by, ascending.

    Args:
        closes: the last close before each dividend's ex-date; a dividend without one has no bars before it.
    """
    found = []
    for action in actions:
        price = 1 / action.shares
        if action.kind is ActionKind.DIVIDEND:
            close = closes.get(action.ex_date)
            # A dividend of the whole price would leave nothing to adjust to; it is an error of the file or the store.
            if close is None or action.dividend >= close:
                continue
            price = 1 - action.dividend / close
        found.append(Step(ist_midnight(action.ex_date), price, action.shares))
    return found


def adjust(bars: Candles, found: Sequence[Step]) -> Candles:
    """The bars in today's shares. Open interest stays: derivatives are adjusted by the exchange itself."""
    if not found or not len(bars):
        return bars
    places = np.searchsorted(np.array([step.t for step in found]), bars.t, side="right")
    prices, volumes = _products([step.price for step in found]), _products([step.volume for step in found])
    factor = prices[places]

    def scaled(column: Floats) -> Floats:
        return np.where(factor == 1, column, np.round(column * factor, _DECIMALS))

    volume = np.rint(bars.v * volumes[places]).astype(np.int64)
    return Candles(bars.t, scaled(bars.o), scaled(bars.h), scaled(bars.l), scaled(bars.c), volume, bars.oi)


def _products(factors: Sequence[float]) -> Floats:
    """At place n, the product of all factors from the n-th on."""
    return np.append(np.cumprod(np.array(factors)[::-1])[::-1], 1.0)
