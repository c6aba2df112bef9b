"""How much words are like one that was typed: what tells a typo from another word."""

from difflib import SequenceMatcher
from typing import Final

LIKELY_TYPO: Final = 0.7


class Likeness:
    """Compares many words with `typed`. Made once a search: what is known of `typed` is most of the work."""

    def __init__(self, typed: str) -> None:
        self._matcher = SequenceMatcher(autojunk=False)
        self._matcher.set_seq2(typed)
        self._letters = frozenset(typed)
        self._length = len(typed)

    def of(self, word: str) -> float:
        """Share of the letters that both have in common and in order, 0 to 1; 0 for what is certainly no typo."""
        letters, length = frozenset(word), self._length + len(word)
        # Every letter that only one of them has is one that cannot match; this alone settles most words.
        most = min(len(word) - len(letters - self._letters), self._length - len(self._letters - letters))
        if 2 * most < LIKELY_TYPO * length:
            return 0.0
        self._matcher.set_seq1(word)
        return 0.0 if self._matcher.quick_ratio() < LIKELY_TYPO else self._matcher.ratio()
