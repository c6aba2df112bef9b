"""Which of the instruments that match a search a trader means first. Pure: candidates in, order out."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from enum import IntEnum

from instruments_service.domain.query import Query


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
        likeness = -candidate.similarity if fit is Tier.SIMILAR else 0.0
        return (fit, likeness, -candidate.popularity, len(candidate.code), candidate.symbol)

    return sorted(candidates, key=key)


def choose_underlyings(query: Query, known: Sequence[Underlying], limit: int = 3) -> list[Underlying]:
    """Whose contracts a search means, best first: an exact code beats a prefix, a name, and then a likely typo."""
    wanted, spoken = query.joined, " ".join(query.words)
    if not wanted:
        return []
    scored: list[tuple[int, float, int, str, Underlying]] = []
    for one in known:
        name = one.name.lower()
        if wanted in (one.code, one.broker_code.upper()) or name == spoken:
            fit, likeness = 0, 1.0
        elif one.code.startswith(wanted):
            fit, likeness = 1, 1.0
        elif name.startswith(spoken):
            fit, likeness = 2, 1.0
        elif all(word in name.split() for word in query.words):
            fit, likeness = 3, 1.0
        else:
            fit, likeness = 4, _likeness(wanted, one)
            if likeness < 0.72:
                continue
        scored.append((fit, -likeness, -one.popularity, f"{one.code}:{one.exchange}", one))
    if not scored:
        return []
    best = min(fit for fit, *_ in scored)
    return [entry[-1] for entry in sorted(scored, key=lambda entry: entry[:4]) if entry[0] == best][:limit]


def _likeness(wanted: str, underlying: Underlying) -> float:
    if not wanted[:1] or abs(len(wanted) - len(underlying.code)) > 3:
        return 0.0
    matcher = SequenceMatcher(a=underlying.code, b=wanted, autojunk=False)
    return matcher.ratio() if matcher.real_quick_ratio() >= 0.72 else 0.0
