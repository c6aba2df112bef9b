"""Brokerage and taxes, by the charge tables of the exchange's day, as `preview_order` and trade rows show them."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Final

from breeze_simulator.domain.broker_orders import BrokerOrder
from breeze_simulator.domain.instruments import Instrument
from breeze_simulator.domain.wire import Row
from breezeway.charges.model import Charge, ChargeTrade, TradeKind
from breezeway.charges.notes import contract_note
from breezeway.clock import IST, Clock
from breezeway.errors import NotFound
from breezeway.money import ZERO, to_paise

PLAN: Final = "icici_prime_299"
_KINDS: Final = {"future": TradeKind.FUTURE, "option": TradeKind.OPTION}
_EXCHANGES: Final = {"NDX": "CDS"}


@dataclass(frozen=True, slots=True)
class Cost:
    """Rupees of one order, each line rounded to the paisa on its own, as the broker's preview does."""

    brokerage: Decimal = ZERO
    turnover: Decimal = ZERO
    stamp: Decimal = ZERO
    stt: Decimal = ZERO
    sebi: Decimal = ZERO
    gst: Decimal = ZERO

    @property
    def others(self) -> Decimal:
        return self.turnover + self.stamp + self.stt + self.sebi + self.gst

    def row(self) -> Row:
        """The `Success` of `preview_order`."""
        return {
            "brokerage": float(self.brokerage),
            "exchange_turnover_charges": float(self.turnover),
            "stamp_duty": float(self.stamp),
            "stt": float(self.stt),
            "sebi_charges": float(self.sebi),
            "gst": float(self.gst),
            "total_turnover_and_sebi_charges": float(self.turnover + self.sebi),
            "total_other_charges": float(self.others),
            "total_brokerage": float(self.brokerage + self.others),
        }


class Costs:
    """By one plan for everybody."""

    def __init__(self, exchange_clock: Clock, plan: str = PLAN) -> None:
        self._clock = exchange_clock
        self._plan = plan

    def preview(self, instrument: Instrument, side: str, quantity: int, price: Decimal) -> Cost:
        """What an order would cost if it filled at `price` now."""
        return self._cost([_trade(instrument, side, quantity, price, 0)], self._clock.now().astimezone(IST).date())

    def of_order(self, order: BrokerOrder) -> Cost:
        """What the executions of an order cost."""
        trades = [
            _trade(order.instrument, order.order.side.value, trade.quantity, trade.price, number)
            for number, trade in enumerate(order.trades)
        ]
        return self._cost(trades, order.placed_at.astimezone(IST).date())

    def _cost(self, trades: Sequence[ChargeTrade], day: date) -> Cost:
        try:
            note = contract_note(trades, self._plan, day)
        except NotFound:
            # The tables reach back some years only; an older replay trades for nothing.
            return Cost()

        def line(*charges: Charge) -> Decimal:
            exact = (leg.exact.get(charge, ZERO) for leg in note.legs for charge in charges)
            return to_paise(sum(exact, ZERO))

        return Cost(
            brokerage=line(Charge.BROKERAGE),
            turnover=line(Charge.TRANSACTION, Charge.IPFT),
            stamp=line(Charge.STAMP),
            stt=line(Charge.STT, Charge.CTT),
            sebi=line(Charge.SEBI),
            gst=line(Charge.GST),
        )


def _trade(instrument: Instrument, side: str, quantity: int, price: Decimal, number: int) -> ChargeTrade:
    return ChargeTrade(
        trade_id=str(number),
        order_id="1",
        symbol=instrument.exchange_symbol,
        exchange=_EXCHANGES.get(instrument.exchange, instrument.exchange),
        kind=_KINDS.get(instrument.kind, TradeKind.DELIVERY),
        side=side,
        quantity=quantity,
        price=price,
        lot_size=max(instrument.lot_size, 1),
        group=instrument.exchange_symbol if instrument.is_derivative else "",
    )
