"""What an order blocks, and what open positions block."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from uuid import UUID

from breezeway.charges.model import Charge, ContractNote
from breezeway.exchange.market import InstrumentKind
from breezeway.exchange.orders import Order, Product, Side
from breezeway.exchange.prices import PROTECTION, Protection, protected_limit
from breezeway.money import RUPEE, ZERO, to_paise_up
from trading_service.application.ports import HeldPosition, Outstanding
from trading_service.domain.bookkeeping import Trade, charge_trades, moves_principal, note_of
from trading_service.domain.instruments import Contract
from trading_service.domain.margin import DEFAULT_RULES, Leg, MarginRules, required_margin


@dataclass(frozen=True, slots=True)
class Requirement:
    """What an order needs: the value to pay in full, the margin to block, the charges of filling it completely."""

    premium: Decimal
    margin: Decimal
    note: ContractNote
    blocked: Decimal
    """What is blocked when it is placed. An order that only closes blocks nothing."""


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What else the account has.

    Args:
        working: what orders of the same symbol still want.
        contracts: of every symbol in `positions`.
        spots: last prices of underlyings by their symbol, where they are known.
    """

    plan: str
    today: date
    positions: Iterable[HeldPosition]
    working: Iterable[Outstanding]
    contracts: Mapping[str, Contract]
    spots: Mapping[str, Decimal]


class Risk:
    """Pure: everything it looks at is given to it."""

    def __init__(
        self,
        rules: MarginRules = DEFAULT_RULES,
        protection: Mapping[InstrumentKind, Protection] = PROTECTION,
    ) -> None:
        self._rules = rules
        self._protection = protection

    def worst_price(self, order: Order, contract: Contract, last: Decimal | None) -> Decimal:
        """The price that is reckoned with: the order's own, or how far a market order may reach."""
        if order.price is not None:
            return order.price
        reference = order.trigger_price if order.trigger_price is not None else last
        if reference is None:
            return ZERO
        rules = contract.rules
        return protected_limit(
            reference,
            rules,
            buy=order.is_buy,
            lower=rules.lower_band,
            upper=rules.upper_band,
            protection=self._protection,
        )

    def of_order(
        self, order: Order, contract: Contract, last: Decimal | None, at: datetime, around: Surroundings
    ) -> Requirement:
        """What `order` needs for all of its quantity."""
        price = self.worst_price(order, contract, last)
        note = self._note(order, contract, price, at, around)
        charges = note.charges
        if Charge.STT in note.lines or Charge.CTT in note.lines:
            # The tax is rounded once on the day's note, so this order may tip it over to the next rupee.
            charges += RUPEE
        pays = moves_principal(contract, order.product) and order.is_buy
        premium = to_paise_up(price * order.quantity) if pays else ZERO
        if pays or order.product is Product.CNC:
            return Requirement(premium, ZERO, note, premium + charges if pays else ZERO)
        margin = self._added_margin(order, contract, price, around)
        return Requirement(ZERO, margin, note, margin + charges if margin else ZERO)

    def of_positions(self, around: Surroundings) -> Decimal:
        """What the open positions block."""
        return required_margin(self._legs(around), around.today, self._rules)

    def _added_margin(self, order: Order, contract: Contract, price: Decimal, around: Surroundings) -> Decimal:
        """What is blocked more when it fills, after everything on its side that waits already.

        Orders of the other side are left out: until both have filled, one is not the other's cover.
        """
        base = self._legs(around)
        for other in around.working:
            if other.product == order.product and other.side is order.side:
                base.append(self._leg(contract, _signed(other.side, other.quantity), price, around))
        with_it = [*base, self._leg(contract, _signed(order.side, order.quantity), price, around)]
        before = required_margin(base, around.today, self._rules)
        return max(ZERO, required_margin(with_it, around.today, self._rules) - before)

    def _legs(self, around: Surroundings) -> list[Leg]:
        legs = []
        for held in around.positions:
            contract = around.contracts[held.symbol]
            average = held.position.average_price
            if held.product != Product.CNC and average is not None:
                legs.append(self._leg(contract, held.position.quantity, average, around))
        return legs

    @staticmethod
    def _leg(contract: Contract, quantity: int, price: Decimal, around: Surroundings) -> Leg:
        derivative = contract.is_future or contract.is_option
        known = around.spots.get(contract.underlying)
        # Without a price of the underlying, an option is reckoned as if it were at the money.
        spot = known if known is not None else (contract.strike if contract.is_option else None) or price
        return Leg(
            group=contract.underlying or contract.symbol,
            quantity=quantity,
            price=price,
            spot=spot,
            derivative=derivative,
            on_index=contract.on_index,
            strike=contract.strike if contract.is_option else None,
            call=contract.call if contract.is_option else None,
            expiry=contract.expiry if contract.is_option else None,
        )

    @staticmethod
    def _note(order: Order, contract: Contract, price: Decimal, at: datetime, around: Surroundings) -> ContractNote:
        imagined = Trade(
            trade_id="preview",
            order_id=UUID(order.order_id),
            account_id=UUID(order.account_id),
            symbol=order.symbol,
            product=order.product,
            side=order.side,
            quantity=order.quantity,
            price=price,
            at=at,
            day=around.today,
            settles_on=around.today,
        )
        return note_of(around.plan, around.today, charge_trades([imagined], {contract.symbol: contract}))


def _signed(side: Side, quantity: int) -> int:
    return quantity if side is Side.BUY else -quantity
