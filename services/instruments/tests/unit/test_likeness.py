"""The quick way out must never drop a word that difflib itself would call alike."""

from difflib import SequenceMatcher

import pytest
from hypothesis import given
from hypothesis import strategies as st

from instruments_service.domain.likeness import LIKELY_TYPO, Likeness

words = st.text("abcdehilnort&4", min_size=1, max_size=12)


@given(words, words)
def test_it_is_the_ratio_or_nothing(typed: str, word: str) -> None:
    ratio = SequenceMatcher(a=word, b=typed, autojunk=False).ratio()
    found = Likeness(typed).of(word)
    assert found == ratio if ratio >= LIKELY_TYPO else found in (ratio, 0.0)


@pytest.mark.parametrize(
    ("typed", "word"), [("RELAINCE", "RELIANCE"), ("BNAKNIFTY", "BANKNIFTY"), ("HDFCBNK", "HDFCBANK")]
)
def test_typos_are_alike(typed: str, word: str) -> None:
    assert Likeness(typed).of(word) > 0.85


def test_another_word_is_not() -> None:
    assert Likeness("NIFTY").of("RELIANCE") == 0.0
