"""Money: floats are refused, rounding is by name, shares add up."""

from decimal import Decimal, localcontext

import pytest
from hypothesis import given
from hypothesis import strategies as st

from breezeway.errors import InvalidInput
from breezeway.money import (
    Rounding,
    amount,
    format_amount,
    parse_amount,
    rounded,
    split,
    to_paise,
    to_paise_up,
    to_rupee,
)


@pytest.mark.parametrize("value", [0.1, True, None, b"1"])
def test_anything_but_decimal_int_and_text_is_a_fault_of_the_program(value: object) -> None:
    for function in (amount, to_paise, to_rupee):
        with pytest.raises(TypeError, match="never"):
            function(value)  # type: ignore[arg-type]


@pytest.mark.parametrize("value", ["NaN", "Infinity", "1e18", "12,000", "", "ten"])
def test_what_is_no_amount_is_refused(value: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        amount(value)
    assert caught.value.code == "invalid_amount"


@pytest.mark.parametrize("text", ["1.234", "1e2", "+1", " 1", "1.", ".5", "1_000", "٣", "-", "--1", "NaN"])
def test_a_client_writes_plain_digits(text: str) -> None:
    with pytest.raises(InvalidInput):
        parse_amount(text)


def test_a_number_where_text_is_due_is_refused() -> None:
    with pytest.raises(TypeError):
        parse_amount(5)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("value", "paise", "up", "rupee"),
    [
        ("9.75", "9.75", "9.75", "10.00"),
        ("0.005", "0.01", "0.01", "0.00"),
        ("0.0049", "0.00", "0.01", "0.00"),
        ("-0.005", "-0.01", "0.00", "0.00"),
        ("2.30945", "2.31", "2.31", "2.00"),
        ("0.5", "0.50", "0.50", "1.00"),
        ("2.5", "2.50", "2.50", "3.00"),
        ("999999999999999999", "999999999999999999", "999999999999999999", "999999999999999999"),
    ],
)
def test_rounding(value: str, paise: str, up: str, rupee: str) -> None:
    assert to_paise(value) == Decimal(paise)
    assert to_paise_up(value) == Decimal(up)
    assert to_rupee(value) == Decimal(rupee)
    assert rounded(Decimal(value), Rounding.PAISA) == Decimal(paise)
    assert rounded(Decimal(value), Rounding.RUPEE) == Decimal(rupee)


def test_a_narrow_context_of_the_caller_changes_nothing() -> None:
    with localcontext() as context:
        context.prec = 3
        assert to_paise("123456.785") == Decimal("123456.79")


def test_text_round_trip() -> None:
    assert format_amount(parse_amount("-1200.5")) == "-1200.50"
    assert format_amount(Decimal("0E+3")) == "0.00"
    with pytest.raises(ValueError, match="fractions"):
        format_amount(Decimal("0.001"))


@given(
    st.integers(-(10**14), 10**14),
    st.lists(st.integers(0, 10**9).map(Decimal), min_size=1, max_size=12),
)
def test_shares_add_up_to_the_paisa(paise: int, weights: list[Decimal]) -> None:
    total = Decimal(paise) / 100
    shares = split(total, weights)
    assert sum(shares) == total
    assert all(share == to_paise(share) for share in shares)
    whole = sum(weights)
    if whole:
        assert all(
            abs(share - total * weight / whole) < Decimal("0.01") for share, weight in zip(shares, weights, strict=True)
        )


def test_shares_need_weights() -> None:
    with pytest.raises(ValueError, match="weights"):
        split(Decimal(1), [])
    with pytest.raises(ValueError, match="weights"):
        split(Decimal(1), [Decimal(-1)])
    with pytest.raises(ValueError, match="fractions"):
        split(Decimal("0.001"), [Decimal(1)])
