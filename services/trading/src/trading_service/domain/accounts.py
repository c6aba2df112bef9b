"""Trading accounts and the view of their money."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from uuid import UUID

from breezeway.exchange.checks import AccountState
from breezeway.money import ZERO
from trading_service.domain import ledger


class AccountKind(StrEnum):
    PAPER = "paper"
    LIVE = "live"


NO_CHARGES = "none"
"""The plan under which nothing is charged, not even taxes: for comparing with simulators that know no charges."""


@dataclass(frozen=True, slots=True)
class TradingAccount:
    """One account of a user. `epoch` rises with each reset; older trades and orders belong to a former life."""

    id: UUID
    user_id: UUID
    name: str
    kind: AccountKind
    state: AccountState
    charge_plan: str
    initial_cash: Decimal
    created_at: datetime
    opened_at: datetime
    epoch: int = 1
    position_margin: Decimal = ZERO
    closed_at: datetime | None = None
    broker_account_id: UUID | None = None
    """Of a live account: where its orders go."""


@dataclass(frozen=True, slots=True)
class Funds:
    """An account's money, rupees. All but `unrealised` and `equity` are balances of the ledger."""

    cash: Decimal
    margin_used: Decimal
    unsettled: Decimal
    withdrawable: Decimal
    holdings_cost: Decimal
    positions_cost: Decimal
    realised: Decimal
    charges: Decimal
    shortfall: Decimal
    unrealised: Decimal

    @property
    def equity(self) -> Decimal:
        """What the account would be worth if everything were closed at the last prices, before the charges of that."""
        own = self.cash + self.margin_used + self.holdings_cost + self.positions_cost
        return own + self.unrealised - self.shortfall


def funds_of(balances: Mapping[str, Decimal], unrealised: Decimal) -> Funds:
    """Read an account's money off its balances."""

    def balance(name: str) -> Decimal:
        return balances.get(name, ZERO)

    advance = -balance(ledger.ADVANCE)
    return Funds(
        cash=balance(ledger.CASH),
        margin_used=balance(ledger.MARGIN),
        unsettled=balance(ledger.UNSETTLED),
        withdrawable=max(ZERO, balance(ledger.CASH) - advance),
        holdings_cost=balance(ledger.HOLDINGS),
        positions_cost=balance(ledger.POSITIONS),
        realised=-balance(ledger.REALISED),
        charges=sum((balance(name) for name in ledger.CHARGES.values()), ZERO),
        shortfall=-balance(ledger.SHORTFALL),
        unrealised=unrealised,
    )
