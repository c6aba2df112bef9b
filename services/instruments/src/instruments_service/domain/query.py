"""What a trader means by a search: `nifty 26000 ce dec`, `reliance fut`, `banknifty 24nov 58000 pe`, `hdfc bank`."""

import re
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from types import MappingProxyType
from typing import Final

from breezeway.contracts.instruments import Right

MAX_QUERY: Final = 100
_MONTH_NAMES: Final = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_LONG_MONTHS: Final = (
    "january", "february", "march", "april", "june", "july", "august", "september", "sept", "october", "november",
    "december",
)  # fmt: skip
_MONTHS: Final = MappingProxyType(
    {name: number for number, name in enumerate(_MONTH_NAMES, start=1)}
    | {name: _MONTH_NAMES.index(name[:3]) + 1 for name in _LONG_MONTHS}
)
_RIGHTS: Final = MappingProxyType(
    {
        "ce": Right.CALL, "call": Right.CALL, "calls": Right.CALL,
        "pe": Right.PUT, "put": Right.PUT, "puts": Right.PUT,
    }
)  # fmt: skip
_FUTURES: Final = frozenset({"fut", "future", "futures"})
_OPTIONS: Final = frozenset({"opt", "option", "options", "weekly"})
_MONTH: Final = rf"(?P<month>{'|'.join(sorted(_MONTHS, key=len, reverse=True))})"
_DAY_MONTH: Final = re.compile(rf"(?P<day>\d{{1,2}}){_MONTH}(?P<year>\d{{2}}|20\d{{2}})?")
_MONTH_YEAR: Final = re.compile(rf"{_MONTH}(?P<year>\d{{2}}|20\d{{2}})?")
_ISO: Final = re.compile(r"(?P<year>20\d{2})-(?P<month>\d{1,2})-(?P<day>\d{1,2})")
_STRIKE: Final = re.compile(r"(?P<strike>\d{1,7}(?:\.\d{1,4})?)(?P<right>ce|pe)?")
_ISIN: Final = re.compile(r"[A-Z]{2}[A-Z0-9]{9}[0-9]", re.ASCII)
_TOKENS: Final = re.compile(r"[a-z0-9][a-z0-9&.\-]*", re.ASCII)


@dataclass(frozen=True, slots=True)
class ExpiryHint:
    """As much of an expiry as was said. A year without a century is of this one."""

    month: int
    day: int | None = None
    year: int | None = None

    def matches(self, expiry: date) -> bool:
        return (
            expiry.month == self.month
            and self.day in (None, expiry.day)
            and (self.year is None or expiry.year == self.year)
        )


@dataclass(frozen=True, slots=True)
class Query:
    """A search, understood.

    Args:
        text: the whole of it in lower case, single-spaced: what a text search looks for.
        words: what names the instrument or the underlying.
        strike, right, expiry, future, option: what was said of a contract.
        maybe_strike: a bare number that may as well belong to the name (`nifty 50`); it is in `words` too.
    """

    text: str
    words: tuple[str, ...]
    strike: Decimal | None = None
    right: Right | None = None
    expiry: ExpiryHint | None = None
    future: bool = False
    option: bool = False
    maybe_strike: Decimal | None = None
    isin: str | None = None

    @property
    def is_contract(self) -> bool:
        """Whether it can only mean a future or an option."""
        said = self.strike is not None or self.right is not None or self.expiry is not None
        return bool(self.words) and (said or self.future or self.option)

    def as_text(self) -> "Query":
        """The same search, read as nothing but words: `icici option fund` is no contract."""
        return Query(text=self.text, words=tuple(_TOKENS.findall(self.text)), isin=self.isin)

    def without_number(self) -> "Query":
        """The same search without the bare number that may be a strike."""
        return Query(text=self.text, words=tuple(word for word in self.words if not word[0].isdigit()))

    @property
    def joined(self) -> str:
        """The words without spaces, in upper case: `hdfc bank` is also HDFCBANK."""
        return "".join(self.words).upper()


def understand(raw: str) -> Query:
    """Read a search. Nothing is ever refused: what is not understood is text."""
    text = " ".join(raw[:MAX_QUERY].lower().split())
    tokens: list[str] = _TOKENS.findall(text)
    isin = text.upper() if _ISIN.fullmatch(text.upper()) else None
    words: list[str] = []
    numbers: list[str] = []
    right: Right | None = None
    strike: Decimal | None = None
    expiry: ExpiryHint | None = None
    future = option = False
    index = 0
    while index < len(tokens):
        token = tokens[index]
        index += 1
        # The first word names something, whatever it looks like: `may&baker`, `360one`, `3mindia`.
        if not words and not numbers and not token.isdigit():
            words.append(token)
            continue
        if expiry is None and (read := _expiry(token, tokens[index : index + 2])) is not None:
            expiry, used = read
            index += used
        elif token in _FUTURES:
            future = True
        elif token in _OPTIONS:
            option = True
        elif right is None and token in _RIGHTS:
            right = _RIGHTS[token]
        elif (match := _STRIKE.fullmatch(token)) is not None:
            if match["right"] and right is None:
                right = _RIGHTS[match["right"]]
                strike = Decimal(match["strike"])
            else:
                numbers.append(match["strike"])
                words.append(token)
        else:
            words.append(token)
    if strike is None and numbers and not future and (right is not None or expiry is not None or option):
        # The last number is the strike; an earlier one is part of the name (`nifty next 50 26000 ce`).
        number = numbers.pop()
        strike = Decimal(number)
        words.reverse()
        words.remove(number)
        words.reverse()
    maybe = Decimal(numbers[-1]) if strike is None and numbers and not future else None
    return Query(
        text=text,
        words=tuple(words),
        strike=strike,
        right=right,
        expiry=expiry,
        future=future,
        option=option,
        maybe_strike=maybe,
        isin=isin,
    )


def _expiry(token: str, following: list[str]) -> tuple[ExpiryHint, int] | None:
    """An expiry that starts at `token`, and how many of the following tokens belong to it."""
    iso = _ISO.fullmatch(token)
    if iso is not None:
        return _hint(int(iso["month"]), int(iso["day"]), iso["year"], 0)
    compact = token.replace("-", "")
    match = _DAY_MONTH.fullmatch(compact)
    if match is not None:
        year, used = (match["year"], 0) if match["year"] else _year(following)
        return _hint(_MONTHS[match["month"]], int(match["day"]), year, used)
    match = _MONTH_YEAR.fullmatch(compact)
    if match is not None:
        year, used = (match["year"], 0) if match["year"] else _year(following)
        return _hint(_MONTHS[match["month"]], None, year, used)
    if token.isdigit() and 1 <= int(token) <= 31 and following and following[0] in _MONTHS:
        year, used = _year(following[1:])
        return _hint(_MONTHS[following[0]], int(token), year, used + 1)
    return None


def _year(following: list[str]) -> tuple[str | None, int]:
    """Only four digits are a year when they stand alone: `nov 26` might be a strike, `nov 2026` hardly."""
    if following and re.fullmatch(r"20[2-9]\d", following[0]):
        return following[0], 1
    return None, 0


def _hint(month: int, day: int | None, year: str | None, used: int) -> tuple[ExpiryHint, int] | None:
    if not 1 <= month <= 12 or (day is not None and not 1 <= day <= 31):
        return None
    number = None if year is None else int(year) if len(year) == 4 else 2000 + int(year)
    return ExpiryHint(month, day, number), used
