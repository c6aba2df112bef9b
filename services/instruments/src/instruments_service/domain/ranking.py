"""Which of the instruments that match a search a trader means first. Pure: candidates in, order out."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Final

from instruments_service.domain.likeness import LIKELY_TYPO, Likeness
from instruments_service.domain.query import Query

_LENGTHS_APART: Final = 3

WELL_KNOWN: Final = 80
"""Popularity from which on an instrument is one that contracts are written on."""

_ASKED_FOR: Final = 2
"""Below it nobody means it by a code: an offer-for-sale window borrows its company's."""

_SURE_TYPO: Final = 0.75


class Tier(IntEnum):
    """How well a candidate fits, best first. Within a tier the more popular comes first."""

    EXACT = 0
    SHORT_NAME = 1
    CODE_PREFIX = 2
    NAME_PREFIX = 3
    WORDS = 4
    TYPO = 5
    INSIDE = 6
    SIMILAR = 7


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
    also: tuple[str, ...] = ()
    """Other whole names, in upper case: BSE's scrip code, former codes."""
    short_names: tuple[str, ...] = ()
    """What a well-known company is called for short: `L&T`, `HUL`, `TATAMOTORS`."""


@dataclass(frozen=True, slots=True)
class Underlying:
    """Something that contracts are written on. `exchange` is the contracts'; `broker_code` is in upper case."""

    exchange: str
    code: str
    broker_code: str
    name: str
    popularity: int
    spoken: str = field(init=False)
    """The name in lower case, and its words: kept, because every search of a contract looks at all underlyings."""
    words: frozenset[str] = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "spoken", self.name.lower())
        object.__setattr__(self, "words", frozenset(self.spoken.split()))


def tier(query: Query, candidate: Candidate) -> Tier:
    """How well the candidate fits."""
    name = candidate.name.lower()
    spoken = " ".join(query.words)
    if candidate.popularity < _ASKED_FOR:
        return Tier.INSIDE if name.startswith(spoken) else Tier.SIMILAR
    if query.isin is not None and candidate.isin == query.isin:
        return Tier.EXACT
    # A fund's scheme code is a bare letter or number as often as not, and nobody searches by it.
    short = "" if candidate.symbol.startswith("MF:") else candidate.broker_code.upper()
    if query.joined in (candidate.code, short, *candidate.also) or name == spoken:
        return Tier.EXACT
    if query.joined in candidate.short_names:
        return Tier.SHORT_NAME
    if query.joined and candidate.code.startswith(query.joined):
        return Tier.CODE_PREFIX
    if spoken and name.startswith(spoken):
        return Tier.NAME_PREFIX
    parts = f"{name} {candidate.code.lower()}".split()
    if query.words and all(any(part.startswith(word) for part in parts) for word in query.words):
        return Tier.WORDS
    if query.words and all(word in name or word in candidate.code.lower() for word in query.words):
        return Tier.INSIDE
    if candidate.popularity >= WELL_KNOWN and candidate.similarity >= _SURE_TYPO:
        return Tier.TYPO
    return Tier.SIMILAR


def rank(query: Query, candidates: Iterable[Candidate]) -> list[tuple[Tier, Candidate]]:
    """The candidates with their tiers, best first; ties break by symbol, so that the order never wavers."""

    def key(ranked: tuple[Tier, Candidate]) -> tuple[int, float, int, int, str]:
        fit, candidate = ranked
        # One letter more or less in common is no reason to show an illiquid share first.
        alike = -round(candidate.similarity, 1) if fit in (Tier.SIMILAR, Tier.TYPO) else 0.0
        return (fit, alike, -candidate.popularity, len(candidate.code), candidate.symbol)

    return sorted(((tier(query, candidate), candidate) for candidate in candidates), key=key)


def choose_underlyings(query: Query, known: Sequence[Underlying], limit: int = 3) -> list[Underlying]:
    """Whose contracts a search means, best first: an exact code beats a prefix, a name, and then a likely typo."""
    wanted, spoken = query.joined, " ".join(query.words)
    if not wanted:
        return []
    scored: list[tuple[int, float, int, str, Underlying]] = []
    # Nearly every search names one exactly, and then nobody asks how well the others fit.
    exact = [one for one in known if wanted == one.code or wanted == one.broker_code or spoken == one.spoken]
    words = frozenset(query.words)
    for one in exact or known:
        fit = 0 if exact else _fit(words, wanted, spoken, one)
        if fit is not None:
            scored.append((fit, 0.0, -one.popularity, f"{one.code}:{one.exchange}", one))
    if not scored:
        typed = Likeness(wanted)
        scored = [
            (0, -alike, -one.popularity, f"{one.code}:{one.exchange}", one)
            for one in known
            if abs(len(wanted) - len(one.code)) <= _LENGTHS_APART and (alike := typed.of(one.code)) >= LIKELY_TYPO
        ]
    best = min((fit for fit, *_ in scored), default=0)
    return [entry[-1] for entry in sorted(scored, key=lambda entry: entry[:4]) if entry[0] == best][:limit]


def _fit(words: frozenset[str], wanted: str, spoken: str, one: Underlying) -> int | None:
    """How an underlying that is not named exactly is named, the lower the better; None when it is not."""
    if one.code.startswith(wanted):
        return 1
    if one.spoken.startswith(spoken):
        return 2
    if words <= one.words:
        return 3
    return None


_LEGAL_FORMS: Final = frozenset({"LTD", "LTD.", "LIMITED", "LIMITED."})
_SHORTEST_INITIALS: Final = 3
"""Two letters are the beginning of somebody's code far more often."""


def short_names(name: str) -> tuple[str, ...]:
    """What a company's name may be shortened to: `HINDUSTAN UNILEVER LTD` is HUL, `LARSEN AND TOUBRO LTD` is L&T, and
    `TATA MOTORS PASSENGER VEHICLES LTD` is TATAMOTORS."""
    words = ["&" if word == "AND" else word for word in name.upper().split()]
    bare = [word for word in words if word not in _LEGAL_FORMS]
    spelled = {"".join(word[0] for word in some) for some in (words, bare)} | {"".join(bare[:2])}
    spelled |= {letters.replace("&", "") for letters in spelled}
    return tuple(sorted(letters for letters in spelled if len(letters) >= _SHORTEST_INITIALS))
