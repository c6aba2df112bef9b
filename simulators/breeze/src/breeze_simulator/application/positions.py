"""What a user's trades have added up to: shares and derivative positions, at average cost."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Final

from breeze_simulator.domain.instruments import Instrument
from breezeway.money import ZERO

OPENING_SHARES: Final = {"RELIND": 50, "TCS": 20, "INFTEC": 40, "HDFBAN": 60, "ITC": 200}
"""What every user holds at NSE to begin with, by ICICI's code."""


def opening_shares(instrument: Instrument) -> int:
    """Units of `instrument` that every user holds to begin with."""
    return OPENING_SHARES.get(instrument.stock_code, 0) if instrument.exchange == "NSE" else 0


@dataclass(frozen=True, slots=True)
class Position:
    """Net `quantity` (negative when short) at `average` rupees; `spent` is bought less sold; `realised` the profit."""

    instrument: Instrument
    quantity: int = 0
    average: Decimal = ZERO
    realised: Decimal = ZERO
    spent: Decimal = ZERO

    def traded(self, signed: int, price: Decimal) -> "Position":
        """The position after buying (`signed` positive) or selling."""
        held, average, realised = self.quantity, self.average, self.realised
        if held * signed >= 0:
            average = (average * abs(held) + price * abs(signed)) / abs(held + signed)
        else:
            closed = min(abs(held), abs(signed))
            realised += (price - average) * closed * (1 if held > 0 else -1)
            if abs(signed) > abs(held):
                average = price
            elif held + signed == 0:
                average = ZERO
        return replace(
            self,
            quantity=held + signed,
            average=average,
            realised=realised,
            spent=self.spent + price * signed,
        )


class Positions:
    """By user and instrument; what was never traded is not in it."""

    def __init__(self) -> None:
        self._of: dict[str, dict[str, Position]] = {}

    def trade(self, user_id: str, instrument: Instrument, signed: int, price: Decimal) -> None:
        """Book one execution; `signed` units are bought, or sold when negative."""
        mine = self._of.setdefault(user_id, {})
        mine[instrument.key] = mine.get(instrument.key, Position(instrument)).traded(signed, price)

    def get(self, user_id: str, instrument: Instrument) -> Position:
        return self._of.get(user_id, {}).get(instrument.key, Position(instrument))

    def of(self, user_id: str) -> Iterator[Position]:
        """Every instrument that the user has traded, flat ones included."""
        return iter(tuple(self._of.get(user_id, {}).values()))
