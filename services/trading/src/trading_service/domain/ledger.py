"""The double-entry ledger: accounts, entries that sum to zero, and balances as their fold.

Amounts are rupees, debits positive. What an account owns (cash, blocked margin, holdings at cost) grows by debits;
where it came from (capital, realised profit) grows by credits and therefore has a negative balance. Nothing is ever
changed or deleted: a mistake is put right by another entry.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from enum import StrEnum
from typing import Final

from breezeway.charges.model import Charge
from breezeway.money import ZERO, to_paise

CASH: Final = "cash"
"""What can be spent. The database refuses to let it become negative."""
MARGIN: Final = "margin"
"""Blocked for working orders and open positions; the database refuses a negative one too."""
UNSETTLED: Final = "unsettled"
"""Proceeds of sales and intraday profits that the clearing corporation pays on the settlement day."""
ADVANCE: Final = "advance"
"""The broker lets unsettled money be spent at once: a liability until settlement, and what cannot be withdrawn."""
HOLDINGS: Final = "holdings"
"""Shares held for delivery, at cost."""
POSITIONS: Final = "positions"
"""Options at the premium paid (debit) or received (credit)."""
REALISED: Final = "realised"
"""Realised profit (credit) and loss, before charges."""
CAPITAL: Final = "capital"
"""What was paid in (credit) and out."""
SHORTFALL: Final = "shortfall"
"""A loss beyond the cash of the account, owed to the broker (credit); the next money that comes in repays it."""

CHARGES: Final[Mapping[Charge, str]] = {charge: f"charge:{charge.value}" for charge in Charge}
"""One account for each line of a contract note."""

NAMES: Final = frozenset(
    {CASH, MARGIN, UNSETTLED, ADVANCE, HOLDINGS, POSITIONS, REALISED, CAPITAL, SHORTFALL, *CHARGES.values()}
)

Amounts = Mapping[str, Decimal]
"""Account name to amount."""


class EntryKind(StrEnum):
    DEPOSIT = "deposit"
    WITHDRAWAL = "withdrawal"
    REVERSAL = "reversal"
    HOLD = "hold"
    RELEASE = "release"
    TRADE = "trade"
    SETTLEMENT = "settlement"
    MARK_TO_MARKET = "mark_to_market"
    EXPIRY = "expiry"
    RESET = "reset"


@dataclass(frozen=True, slots=True)
class Entry:
    """One journal entry. `ref` names what it is about (an order, a trade, a transfer, a day).

    `once` makes it unique in its trading account: the database refuses a second entry with the same word, which is what
    lets jobs run twice.

    Raises:
        ValueError: legs that do not sum to zero, of unknown accounts, or with fractions of a paisa.
    """

    kind: EntryKind
    legs: Amounts
    ref: str = ""
    note: str = ""
    once: str | None = None
    day: date | None = None

    def __post_init__(self) -> None:
        if sum(self.legs.values(), ZERO) != 0:
            raise ValueError(f"the legs of a {self.kind} entry do not sum to zero: {dict(self.legs)}")
        for name, value in self.legs.items():
            if name not in NAMES or to_paise(value) != value:
                raise ValueError(f"{value} cannot be booked to {name}")

    @property
    def empty(self) -> bool:
        return not any(self.legs.values())


def entry(
    kind: EntryKind,
    legs: Iterable[tuple[str, Decimal]],
    balances: Amounts,
    *,
    ref: str = "",
    note: str = "",
    once: str | None = None,
    day: date | None = None,
) -> Entry:
    """An entry of these legs, each account once, that leaves cash at zero or above.

    What cash cannot bear becomes a shortfall, and money that comes in repays one first.
    """
    net: dict[str, Decimal] = {}
    for name, value in legs:
        net[name] = net.get(name, ZERO) + value
    _bear_shortfall(net, balances)
    return Entry(kind, {name: value for name, value in net.items() if value}, ref, note, once, day)


def _bear_shortfall(net: dict[str, Decimal], balances: Amounts) -> None:
    change = net.get(CASH, ZERO)
    after = balances.get(CASH, ZERO) + change
    owed = -balances.get(SHORTFALL, ZERO)
    moved = ZERO
    if after < 0:
        moved = -after
    elif owed > 0 and change > 0:
        moved = -min(owed, change)
    if moved:
        net[CASH] = change + moved
        net[SHORTFALL] = net.get(SHORTFALL, ZERO) - moved


def fold(entries: Iterable[Amounts]) -> dict[str, Decimal]:
    """Balances after these entries; accounts at zero are left out."""
    balances: dict[str, Decimal] = {}
    for legs in entries:
        for name, value in legs.items():
            balances[name] = balances.get(name, ZERO) + value
    return {name: value for name, value in balances.items() if value}


def after(balances: Amounts, made: Entry) -> dict[str, Decimal]:
    """Balances with one more entry."""
    return fold((balances, made.legs))
