"""Searches as traders type them, and what they mean."""

from datetime import date
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from breezeway.contracts.instruments import Right
from instruments_service.domain.query import ExpiryHint, understand


def test_an_option_with_its_month() -> None:
    query = understand("nifty 26000 ce dec")
    assert query.words == ("nifty",)
    assert query.strike == Decimal(26000)
    assert query.right is Right.CALL
    assert query.expiry == ExpiryHint(month=12)
    assert query.is_contract


def test_an_option_with_its_day() -> None:
    query = understand("BankNifty 24nov 58000 PE")
    assert (query.joined, query.strike, query.right) == ("BANKNIFTY", Decimal(58000), Right.PUT)
    assert query.expiry == ExpiryHint(month=11, day=24)


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        ("nifty 24nov26 fut", ExpiryHint(11, 24, 2026)),
        ("nifty 24-nov-2026 fut", ExpiryHint(11, 24, 2026)),
        ("nifty 24 nov fut", ExpiryHint(11, 24)),
        ("nifty 24 nov 2026 fut", ExpiryHint(11, 24, 2026)),
        ("nifty 2026-11-24 fut", ExpiryHint(11, 24, 2026)),
        ("nifty november fut", ExpiryHint(11)),
        ("nifty nov26 fut", ExpiryHint(11, None, 2026)),
    ],
)
def test_expiries_in_every_spelling(text: str, hint: ExpiryHint) -> None:
    query = understand(text)
    assert query.expiry == hint
    assert query.future
    assert query.words == ("nifty",)
    assert hint.matches(date(2026, 11, 24))
    assert not hint.matches(date(2026, 12, 29))


def test_strike_and_right_in_one_word() -> None:
    query = understand("vedl 292.5ce")
    assert (query.joined, query.strike, query.right) == ("VEDL", Decimal("292.5"), Right.CALL)


def test_a_number_may_belong_to_the_name() -> None:
    alone = understand("nifty 50")
    assert alone.words == ("nifty", "50")
    assert not alone.is_contract
    assert alone.maybe_strike == Decimal(50)
    option = understand("nifty next 50 72000 ce")
    assert option.words == ("nifty", "next", "50")
    assert option.strike == Decimal(72000)


def test_a_name_that_starts_with_digits_or_looks_like_a_month() -> None:
    assert understand("360one fut").words == ("360one",)
    assert understand("may&baker").words == ("may&baker",)


def test_words_and_isins_are_text() -> None:
    assert understand("hdfc bank").words == ("hdfc", "bank")
    assert understand("hdfc bank").joined == "HDFCBANK"
    assert not understand("hdfc bank").is_contract
    assert understand("ine002a01018").isin == "INE002A01018"


def test_a_contract_search_can_be_read_as_text_again() -> None:
    query = understand("icici option fund").as_text()
    assert query.words == ("icici", "option", "fund")
    assert not query.is_contract


@given(st.text(max_size=300))
def test_nothing_is_ever_refused(text: str) -> None:
    query = understand(text)
    assert query.strike is None or query.strike.is_finite()
    assert all(word for word in query.words)
