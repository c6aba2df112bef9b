"""Entries sum to zero, balances are their fold, cash never becomes negative."""

from datetime import date
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from breezeway.errors import Conflict
from trading_service.domain import ledger
from trading_service.domain.bookkeeping import hold, settle
from trading_service.domain.ledger import Entry, EntryKind, after, entry, fold

RUPEES = st.decimals(Decimal("-100000"), Decimal("100000"), places=2)


@pytest.mark.parametrize(
    "legs",
    [
        {"cash": Decimal(1)},
        {"cash": Decimal(1), "nowhere": Decimal(-1)},
        {"cash": Decimal("0.001"), "capital": Decimal("-0.001")},
    ],
)
def test_an_entry_that_could_not_be_booked_cannot_be_made(legs: dict[str, Decimal]) -> None:
    with pytest.raises(ValueError, match=r"sum to zero|cannot be booked"):
        Entry(EntryKind.TRADE, legs)


@given(st.lists(RUPEES, max_size=40))
def test_cash_stays_at_zero_or_above_and_debts_are_repaid_first(profits: list[Decimal]) -> None:
    balances: dict[str, Decimal] = {}
    for profit in profits:
        legs = [(ledger.CASH, profit), (ledger.REALISED, -profit)]
        balances = after(balances, entry(EntryKind.TRADE, legs, balances))
        cash, owed = balances.get(ledger.CASH, Decimal(0)), -balances.get(ledger.SHORTFALL, Decimal(0))
        assert cash >= 0
        assert owed >= 0
        assert cash == 0 or owed == 0, "money lies idle beside a debt"
        assert sum(balances.values()) == 0
        assert cash - owed == -balances.get(ledger.REALISED, Decimal(0))


def test_a_hold_never_makes_a_debt() -> None:
    with pytest.raises(Conflict):
        hold(Decimal(101), "order", {"cash": Decimal(100)})
    assert hold(Decimal(100), "order", {"cash": Decimal(100)}).legs == {"cash": Decimal(-100), "margin": Decimal(100)}


def test_settlement_takes_away_what_was_advanced() -> None:
    made = settle(Decimal(70), date(2026, 11, 20), {})
    assert made.legs == {"unsettled": Decimal(-70), "advance": Decimal(70)}
    assert made.once == "settle:2026-11-20"


def test_a_fold_leaves_out_what_is_empty() -> None:
    booked = [{"cash": Decimal(5), "capital": Decimal(-5)}, {"cash": Decimal(-5), "capital": Decimal(5)}]
    assert fold(booked) == {}
