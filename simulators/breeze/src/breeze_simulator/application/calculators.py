"""The calls that compute and change nothing: margin of a portfolio, limit of an exit, cost of an order."""

from collections.abc import Mapping
from decimal import Decimal

from breeze_simulator.application import contracts
from breeze_simulator.application.costs import Costs
from breeze_simulator.application.margins import premium, span_margin
from breeze_simulator.application.money import Money
from breeze_simulator.application.ports import MarketView
from breeze_simulator.domain import envelopes, order_wire, wire
from breeze_simulator.domain.envelopes import BrokerRefusal, Refusals
from breeze_simulator.domain.instruments import Instrument
from breeze_simulator.domain.order_wire import BadField, text_of
from breeze_simulator.domain.wire import Row
from breezeway.clock import IST, Clock
from breezeway.exchange.orders import Side

Fields = Mapping[str, object]

_MOST_LEGS = 100
_EXIT_LIMIT = Decimal("0.05")
"""How far beyond its trigger the limit of an exit is put. The broker's own rule is not public."""


class Calculators:
    """Answers are the `Success` of their envelopes; every method may raise BrokerRefusal."""

    def __init__(
        self, market: MarketView, money: Money, costs: Costs, refusals: Refusals, exchange_clock: Clock
    ) -> None:
        self._market = market
        self._money = money
        self._costs = costs
        self._refusals = refusals
        self._clock = exchange_clock

    def margins(self, fields: Fields) -> Row:
        """POST `margincalculator`: what `list_of_positions` would block together."""
        given = fields.get("list_of_positions")
        rows = [row for row in given if isinstance(row, dict)] if isinstance(given, list) else []
        exchange = text_of(fields, "exchange_code").upper()
        if not rows or len(rows) > _MOST_LEGS:
            raise self._refusals.application(envelopes.NOT_AVAILABLE)
        legs, echoed = [], []
        for row in rows:
            contract = self._instrument({**row, "exchange_code": exchange, "product_type": text_of(row, "product")})
            side, quantity, price = self._terms(row)
            legs.append(self._money.leg(contract, quantity if side is Side.BUY else -quantity, price))
            echoed.append(_echo(contract, side, quantity, price))
        day = self._clock.now().astimezone(IST).date()
        span, paid = span_margin(legs, day), premium(legs)
        return {
            # The broker's own spelling.
            "margin_calulation": echoed,
            "non_span_margin_required": "0",
            "order_value": wire.plain(float(span + max(paid, Decimal(0)))) or "0",
            "order_margin": "0",
            "trade_margin": None,
            "block_trade_margin": "0",
            "span_margin_required": wire.plain(float(span)) or "0",
        }

    def limit(self, fields: Fields) -> Row:
        """POST `fnolmtpriceandqtycal`: a limit for the exit of an order, beyond its stop."""
        contract = self._instrument(
            {
                **fields,
                "stock_code": text_of(fields, "underlying"),
                "product_type": "options" if "option" in text_of(fields, "product_type").lower() else "futures",
                "right": text_of(fields, "option_type"),
            }
        )
        try:
            trigger = order_wire.parse_price(fields, "stop_loss_trigger") or Decimal(0)
            entry = order_wire.parse_side(text_of(fields, "order_flow"))
        except BadField as error:
            raise self._refusals.application(str(error)) from error
        worse = trigger * (1 - _EXIT_LIMIT if entry is Side.BUY else 1 + _EXIT_LIMIT)
        tick = Decimal(str(contract.tick_size)) or Decimal("0.05")
        return {
            "available_quantity": text_of(fields, "available_quantity") or "0",
            "action_id": "0",
            "order_margin": "0",
            "limit_rate": wire.plain(float(round(worse / tick) * tick)) or "0",
        }

    def preview(self, fields: Fields) -> Row:
        """GET `preview_order`: brokerage and taxes of an order that fills at its price."""
        contract = self._instrument({**fields, "product_type": text_of(fields, "product")})
        side, quantity, price = self._terms(fields)
        return self._costs.preview(contract, side.value, quantity, price).row()

    def add_margin(self) -> Row:
        """POST `margin`: more money behind a Margin position, which the API may not hold any more."""
        raise self._refusals.application(envelopes.NOT_AVAILABLE)

    def _instrument(self, fields: Fields) -> Instrument:
        return contracts.known(self._market.universe, wire.parse_contract(fields), self._refusals)

    def _terms(self, fields: Fields) -> tuple[Side, int, Decimal]:
        try:
            side = order_wire.parse_side(text_of(fields, "action"))
            return (
                side,
                order_wire.parse_quantity(fields, "quantity"),
                order_wire.parse_price(fields, "price") or Decimal(0),
            )
        except BadField as error:
            raise self._refusal(error) from error

    def _refusal(self, error: BadField) -> BrokerRefusal:
        return self._refusals.application(str(error))


def _echo(contract: Instrument, side: Side, quantity: int, price: Decimal) -> Row:
    option = contract.kind == "option"
    return {
        "strike_price": wire.plain(contract.strike or 0.0) if option else "0",
        "quantity": str(quantity),
        "right": wire.right_text(contract),
        "product": "Options" if option else "Futures",
        "action": order_wire.action_text(side),
        "price": wire.plain(float(price)) or "0",
        "expiry_date": wire.expiry_text(contract.expiry),
        "stock_code": contract.stock_code,
    }
