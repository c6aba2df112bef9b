"""A search index over the names of cash instruments, indices and funds, held in memory by every API process. Pure.

Documents are numbered by popularity, so that a sorted array of document numbers is already an order of preference and
its first hundred are the hundred most popular. Names are kept once, as columns; words are kept in one sorted
dictionary, with the documents of each word in one array (`_docs[_starts[w]:_starts[w + 1]]`), so that all words with a
common beginning are one slice. Typos are found by the trigrams that two words share, and then by edit distance.
"""

from bisect import bisect_left
from collections.abc import Iterable, Sequence
from typing import Final, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from instruments_service.domain.likeness import Likeness
from instruments_service.domain.query import Query
from instruments_service.domain.ranking import WELL_KNOWN, Candidate, short_names

Numbers: TypeAlias = NDArray[np.int32]

_ENOUGH: Final = 5
"""With fewer candidates than this a typo is likely, and similar words are looked for too."""

_PLENTY: Final = 20
"""With so many that begin as the words do, nobody looks at those that merely have them inside."""

_SHORTEST_INSIDE: Final = 3
"""Two letters are inside of nearly everything: of those, only beginnings count."""

_FEW: Final = 500
"""So many documents are looked into one by one; of more, the words are looked for in all."""

_SHARED: Final = 0.2
"""Share of trigrams from which on two words are compared letter by letter."""

_ALIKE: Final = 0.7
"""Least likeness of a search of one word to a document; of several, some may be unlike."""

_NEAREST_WORDS: Final = 16
_WORDS: Final = 6
"""More words than this say nothing more; the ranking still reads them all."""

_HIGHEST: Final = "\U0010ffff"


class Document(NamedTuple):
    """One instrument that is found by its names."""

    instrument_id: int
    exchange: str
    type: str
    symbol: str
    code: str
    broker_code: str
    isin: str | None
    name: str
    popularity: int
    also: tuple[str, ...] = ()
    """Other whole names, in upper case: BSE's scrip code, former codes."""


class TextIndex:
    """Immutable once built; safe to share between tasks and threads."""

    def __init__(self, documents: Iterable[Document]) -> None:
        """Takes half a second for 30,000 documents: build it off the event loop."""
        ordered = sorted(documents, key=lambda d: (-d.popularity, len(d.code), d.symbol, d.instrument_id))
        self._ids = np.fromiter((d.instrument_id for d in ordered), np.int32, len(ordered))
        self._symbols = [d.symbol for d in ordered]
        self._codes = [d.code for d in ordered]
        self._broker_codes = [d.broker_code for d in ordered]
        self._isins = [d.isin for d in ordered]
        self._names = [d.name for d in ordered]
        self._popularity = np.fromiter((d.popularity for d in ordered), np.int16, len(ordered))
        self._also = {number: d.also for number, d in enumerate(ordered) if d.also}
        self._short_names = {
            number: short
            for number, d in enumerate(ordered)
            if d.popularity >= WELL_KNOWN and (short := short_names(d.name))
        }
        self._exchanges, self._exchange_of = _coded(d.exchange for d in ordered)
        self._types, self._type_of = _coded(d.type for d in ordered)
        by_code = sorted(range(len(ordered)), key=lambda number: self._codes[number])
        self._sorted_codes = [self._codes[number] for number in by_code]
        self._by_code = np.array(by_code, np.int32)
        self._whole_names = _whole_names(ordered)
        self._words, self._starts, self._docs = _dictionary(ordered)
        # Words never contain a line feed, so that a hit never spans two of them.
        self._all_words = "\n".join(self._words)
        lengths = np.fromiter(map(len, self._words), np.int64, len(self._words))
        self._offsets = np.concatenate(([0], np.cumsum(lengths + 1)))
        self._trigrams, self._trigram_starts, self._trigram_words = _trigrams(self._all_words, self._offsets)
        self._trigram_counts = np.bincount(self._trigram_words, minlength=len(self._words))

    def __len__(self) -> int:
        return len(self._symbols)

    def candidates(self, query: Query, exchange: str | None, type_: str | None, limit: int) -> list[Candidate]:
        """Documents that may be meant, in no order: by code, word beginnings, parts of words and, when these are few,
        by likeness. At most `limit` of each kind, the most popular ones."""
        allowed = self._allowed(exchange, type_)
        words = [word for word in query.words if len(word) >= 2][:_WORDS]
        named = _first(self._named(query), allowed, limit)
        begun = _first(self._coded_like(query.joined), allowed, limit)
        begun += _first(self._with_all(words), allowed, limit)
        plenty = len(begun) >= _PLENTY
        inside = [] if plenty else _first(self._with_all_inside(words), allowed, limit)
        found = dict.fromkeys(named + begun + inside, 0.0)
        if not named and len(begun) < _ENOUGH and len(query.text) >= 3:
            for number, alike in self._similar(query, allowed, limit):
                found[number] = max(alike, found.get(number, 0.0))
        return [self._candidate(number, alike) for number, alike in found.items()]

    def _candidate(self, number: int, alike: float) -> Candidate:
        return Candidate(
            instrument_id=int(self._ids[number]),
            symbol=self._symbols[number],
            code=self._codes[number],
            broker_code=self._broker_codes[number],
            isin=self._isins[number],
            name=self._names[number],
            popularity=int(self._popularity[number]),
            similarity=alike,
            also=self._also.get(number, ()),
            short_names=self._short_names.get(number, ()),
        )

    def _allowed(self, exchange: str | None, type_: str | None) -> NDArray[np.bool_] | None:
        """Which documents the filters leave; None for all."""
        allowed: NDArray[np.bool_] | None = None
        if exchange is not None:
            allowed = self._exchange_of == self._exchanges.get(exchange, -1)
        if type_ is not None:
            wanted = self._type_of == self._types.get(type_, -1)
            allowed = wanted if allowed is None else allowed & wanted
        return allowed

    def _named(self, query: Query) -> Numbers:
        """Documents one of whose whole names was typed."""
        numbers = {number for name in (query.joined, query.isin) for number in self._whole_names.get(name or "", ())}
        return np.array(sorted(numbers), np.int32)

    def _coded_like(self, joined: str) -> Numbers:
        """Documents whose code begins so."""
        if not joined:
            return _NONE
        low = bisect_left(self._sorted_codes, joined)
        high = bisect_left(self._sorted_codes, joined + _HIGHEST, low)
        return np.sort(self._by_code[low:high])

    def _with_all(self, words: Sequence[str]) -> Numbers:
        """Documents with words that begin as each of these does."""
        common: NDArray[np.bool_] | None = None
        for word in words:
            these = np.zeros(len(self), np.bool_)
            these[self._beginning(word)] = True
            common = these if common is None else common & these
        return _NONE if common is None else np.flatnonzero(common).astype(np.int32)

    def _with_all_inside(self, words: Sequence[str]) -> Numbers:
        """Documents that have each of these words somewhere inside of theirs."""
        common: Numbers | None = None
        # The longest is the rarest: after it, few documents are left to be looked into for a `ltd`.
        for word in sorted(words, key=len, reverse=True):
            if common is None or len(common) > _FEW:
                these = np.zeros(len(self), np.bool_)
                these[self._containing(word)] = True
                common = np.flatnonzero(these).astype(np.int32) if common is None else common[these[common]]
            else:
                common = np.array([number for number in common.tolist() if self._has_inside(number, word)], np.int32)
        return _NONE if common is None else common

    def _has_inside(self, number: int, word: str) -> bool:
        spoken = f"{self._names[number]} {self._codes[number]}".lower()
        if len(word) < _SHORTEST_INSIDE:
            return any(each.startswith(word) for each in _words_of(spoken))
        return word in spoken

    def _beginning(self, word: str) -> Numbers:
        low = bisect_left(self._words, word)
        high = bisect_left(self._words, word + _HIGHEST, low)
        return self._docs[self._starts[low] : self._starts[high]]

    def _containing(self, word: str) -> Numbers:
        """In no order, and a document once for each of its words."""
        if len(word) < _SHORTEST_INSIDE:
            return self._beginning(word)
        hits = []
        at = self._all_words.find(word)
        while at >= 0:
            hits.append(at)
            at = self._all_words.find(word, at + 1)
        if not hits:
            return _NONE
        holders = np.unique(np.searchsorted(self._offsets, hits, side="right") - 1).tolist()
        return np.concatenate([self._docs[self._starts[number] : self._starts[number + 1]] for number in holders])

    def _similar(self, query: Query, allowed: NDArray[np.bool_] | None, limit: int) -> list[tuple[int, float]]:
        """Documents with similar words, best first; what fits is the mean over the words that were typed."""
        spoken = [word for word in query.words if len(word) >= 2][:_WORDS] or list(query.words[:1])
        total = np.zeros(len(self), np.float32)
        for word in spoken:
            total += self._likeness_to(word)
        total /= max(1, len(spoken))
        if len(spoken) > 1:
            # `hdfc bnk` is typed for the code HDFCBANK, too.
            np.maximum(total, self._likeness_to(query.joined.lower()), out=total)
        if allowed is not None:
            total[~allowed] = 0
        best = np.flatnonzero(total >= _ALIKE * (0.6 if len(spoken) > 1 else 1.0))
        best = best[np.argsort(-total[best], kind="stable")][:limit]
        return [(int(number), float(total[number])) for number in best]

    def _likeness_to(self, word: str) -> NDArray[np.float32]:
        """How much each document's most similar word is like `word`; 0 below what a typo leaves."""
        scores = np.zeros(len(self), np.float32)
        low, high = (bisect_left(self._words, end) for end in (word, word + _HIGHEST))
        begun = self._docs[self._starts[low] : self._starts[high]]
        known = self._word(word)
        # A word that exists is hardly a misspelling.
        for number, alike in sorted(self._near_words(word) if known < 0 else (), key=lambda pair: pair[1]):
            scores[self._docs[self._starts[number] : self._starts[number + 1]]] = alike
        scores[begun] = np.maximum(scores[begun], 0.9)
        if known >= 0:
            scores[self._docs[self._starts[known] : self._starts[known + 1]]] = 1.0
        return scores

    def _near_words(self, word: str) -> list[tuple[int, float]]:
        grams = _grams_of(word)
        places = np.searchsorted(self._trigrams, grams)
        parts = [
            self._trigram_words[self._trigram_starts[place] : self._trigram_starts[place + 1]]
            for place, gram in zip(places.tolist(), grams.tolist(), strict=True)
            if place < len(self._trigrams) and self._trigrams[place] == gram
        ]
        if not parts:
            return []
        shared = np.bincount(np.concatenate(parts), minlength=len(self._words))
        # A word that shares fewer than this of the typed ones is below the share whatever else it has.
        near = np.flatnonzero(shared >= max(1.0, _SHARED * len(grams)))
        share = shared[near] / (len(grams) + self._trigram_counts[near] - shared[near])
        order = np.argsort(-share, kind="stable")[: np.count_nonzero(share >= _SHARED)]
        near = near[order][:_NEAREST_WORDS]
        typed = Likeness(word)
        found = [(int(number), typed.of(self._words[number])) for number in near]
        return [(number, alike) for number, alike in found if alike]

    def _word(self, word: str) -> int:
        """The word's number, or -1."""
        place = bisect_left(self._words, word)
        return place if word and place < len(self._words) and self._words[place] == word else -1


_NONE: Final[Numbers] = np.empty(0, np.int32)


def _first(numbers: Numbers, allowed: NDArray[np.bool_] | None, limit: int) -> list[int]:
    if allowed is not None:
        numbers = numbers[allowed[numbers]]
    found: list[int] = numbers[:limit].tolist()
    return found


def _coded(values: Iterable[str]) -> tuple[dict[str, int], NDArray[np.int8]]:
    codes: dict[str, int] = {}
    column = [codes.setdefault(value, len(codes)) for value in values]
    return codes, np.array(column, np.int8)


def _whole_names(documents: Sequence[Document]) -> dict[str, tuple[int, ...]]:
    """Who is meant by a whole name, in upper case: codes of every kind, and what well-known companies are called."""
    holders: dict[str, tuple[int, ...]] = {}
    for number, document in enumerate(documents):
        short = short_names(document.name) if document.popularity >= WELL_KNOWN else ()
        names = (document.code, document.broker_code.upper(), document.isin or "", *document.also, *short)
        for name in dict.fromkeys(names):
            if name:
                holders[name] = (*holders.get(name, ()), number)
    return holders


def _dictionary(documents: Sequence[Document]) -> tuple[list[str], NDArray[np.int64], Numbers]:
    """Every word once, sorted; and the numbers of the documents that have it, ascending, one word after another."""
    holders: dict[str, list[int]] = {}
    for number, document in enumerate(documents):
        for word in _words_of(f"{document.name} {document.code}".lower()):
            holders.setdefault(word, []).append(number)
    words_in_order = sorted(holders)
    lengths = [len(holders[word]) for word in words_in_order]
    starts = np.concatenate(([0], np.cumsum(np.array(lengths, np.int64)))).astype(np.int64)
    docs = np.fromiter((number for word in words_in_order for number in holders[word]), np.int32, int(starts[-1]))
    return words_in_order, starts, docs


def _words_of(spoken: str) -> dict[str, None]:
    """The words of a name, with brackets as part of them and without."""
    return dict.fromkeys(spoken.split()) | dict.fromkeys(spoken.replace("(", " ").replace(")", " ").split())


def _trigrams(
    all_words: str, offsets: NDArray[np.int64]
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int32]]:
    """Each trigram once, sorted; and the words that have it, one trigram after another.

    A word stands between two spaces and one, so that its beginning counts more than its end.
    """
    count = len(offsets) - 1
    if count == 0:
        return np.empty(0, np.int64), np.zeros(1, np.int64), _NONE
    letters = np.frombuffer(f"{all_words}\n".encode("utf-32-le"), np.uint32).astype(np.int64)
    lengths = np.diff(offsets) - 1
    # Two spaces before, one behind: the old separator becomes the one behind.
    starts = offsets[:-1] + 2 * np.arange(count)
    padded = np.full(len(letters) + 2 * count, ord(" "), np.int64)
    word_of_letter = np.repeat(np.arange(count), lengths + 1)
    at = np.arange(len(letters)) + 2 * (word_of_letter + 1)
    padded[at] = np.where(letters == ord("\n"), ord(" "), letters)
    word_of = np.repeat(np.arange(count, dtype=np.int32), lengths + 3)
    codes = _grams(padded)
    # A trigram that begins in a word's last two places belongs to two words.
    last = starts + lengths + 2
    keep = np.ones(len(codes), np.bool_)
    for place in (last, last - 1):
        keep[place[place < len(codes)]] = False
    grams, gram_of = np.unique(codes[keep], return_inverse=True)
    pairs = np.unique(gram_of * count + word_of[: len(codes)][keep])
    first = np.searchsorted(pairs, np.arange(len(grams) + 1) * count)
    return grams, first.astype(np.int64), (pairs % count).astype(np.int32)


def _grams_of(word: str) -> NDArray[np.int64]:
    return np.unique(_grams(np.frombuffer(f"  {word} ".encode("utf-32-le"), np.uint32).astype(np.int64)))


def _grams(letters: NDArray[np.int64]) -> NDArray[np.int64]:
    return (letters[:-2] << 42) | (letters[1:-1] << 21) | letters[2:]
