"""Which of the instruments that match a search a trader means first. Pure: candidates in, order out."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from enum import IntEnum
from typing import Final

from instruments_service.domain.query import Query

_LIKELY_TYPO: Final = 0.7
_LENGTHS_APART: Final = 3


class Tier(IntEnum):
    """How well a candidate fits, best first. Within a tier the more popular comes first."""

    EXACT = 0
    CODE_PREFIX = 1
    NAME_PREFIX = 2
    WORDS = 3
    INSIDE = 4
    SIMILAR = 5


@dataclass(frozen=True, slots=True)
class Candidate:
    """What the ranking needs to know of a cash instrument, an index or a fund."""

    instrument_id: int
    symbol: str
    code: str
    broker_code: str
    isin: str | None
    name: str
    popularity: int
    similarity: float = 0.0


@dataclass(frozen=True, slots=True)
class Underlying:
    """Something that contracts are written on. `exchange` is the contracts'."""

    exchange: str
    code: str
    broker_code: str
    name: str
    popularity: int


def tier(query: Query, candidate: Candidate) -> Tier:
    """How well the candidate fits."""
    name = candidate.name.lower()
    spoken = " ".join(query.words)
    if query.isin is not None and candidate.isin == query.isin:
        return Tier.EXACT
    # A fund's scheme code is a bare letter or number as often as not, and nobody searches by it.
    short = "" if candidate.symbol.startswith("MF:") else candidate.broker_code.upper()
    if query.joined in (candidate.code, short) or name == spoken:
        return Tier.EXACT
    if query.joined and candidate.code.startswith(query.joined):
        return Tier.CODE_PREFIX
    if spoken and name.startswith(spoken):
        return Tier.NAME_PREFIX
    parts = f"{name} {candidate.code.lower()}".split()
    if query.words and all(any(part.startswith(word) for part in parts) for word in query.words):
        return Tier.WORDS
    if query.words and all(word in name or word in candidate.code.lower() for word in query.words):
        return Tier.INSIDE
    return Tier.SIMILAR


def rank(query: Query, candidates: Iterable[Candidate]) -> list[Candidate]:
    """The candidates, best first; ties break by symbol, so that the order never wavers."""

    def key(candidate: Candidate) -> tuple[int, float, int, int, str]:
        fit = tier(query, candidate)
        # One letter more or less in common is no reason to show an illiquid share first.
        alike = -round(candidate.similarity, 1) if fit is Tier.SIMILAR else 0.0
        return (fit, alike, -candidate.popularity, len(candidate.code), candidate.symbol)

    return sorted(candidates, key=key)


def choose_underlyings(query: Query, known: Sequence[Underlying], limit: int = 3) -> list[Underlying]:
    """Whose contracts a search means, best first: an exact code beats a prefix, a name, and then a likely typo."""
    wanted, spoken = query.joined, " ".join(query.words)
    if not wanted:
        return []
    scored: list[tuple[int, float, int, str, Underlying]] = []
    for one in known:
        fit = _fit(query, wanted, spoken, one)
        if fit is not None:
            scored.append((fit, 0.0, -one.popularity, f"{one.code}:{one.exchange}", one))
    if not scored:
        scored = [
            (0, -alike, -one.popularity, f"{one.code}:{one.exchange}", one)
            for one in known
            if abs(len(wanted) - len(one.code)) <= _LENGTHS_APART
            and (alike := likeness(wanted, one.code)) >= _LIKELY_TYPO
        ]
    best = min((fit for fit, *_ in scored), default=0)
    return [entry[-1] for entry in sorted(scored, key=lambda entry: entry[:4]) if entry[0] == best][:limit]


def likeness(wanted: str, word: str) -> float:
    """Share of the letters that two words have in common and in order, 0 to 1; 0 for what is certainly no typo."""
    matcher = SequenceMatcher(a=word, b=wanted, autojunk=False)
    if matcher.real_quick_ratio() < _LIKELY_TYPO or matcher.quick_ratio() < _LIKELY_TYPO:
        return 0.0
    return matcher.ratio()


def _fit(query: Query, wanted: str, spoken: str, one: Underlying) -> int | None:
    """How an underlying is named by a search, the lower the better; None when it is not."""
    name = one.name.lower()
    if wanted in (one.code, one.broker_code.upper()) or name == spoken:
        return 0
    if one.code.startswith(wanted):
        return 1
    if name.startswith(spoken):
        return 2
    if all(word in name.split() for word in query.words):
        return 3
    return None
