"""The order endpoints: `order`, `squareoff` and `trades`, in the broker's words."""

from collections.abc import Mapping
from dataclasses import dataclass

from breeze_simulator.application import contracts
from breeze_simulator.application.costs import Costs
from breeze_simulator.application.faults import FaultKind, Faults
from breeze_simulator.application.money import Money
from breeze_simulator.application.order_desk import OrderDesk, OrderRefused
from breeze_simulator.application.portfolio import Portfolio
from breeze_simulator.application.ports import MarketView
from breeze_simulator.domain import envelopes, order_wire
from breeze_simulator.domain.broker_orders import BrokerOrder
from breeze_simulator.domain.envelopes import Refusals
from breeze_simulator.domain.order_wire import BadField, OrderRequest
from breeze_simulator.domain.wire import Row
from breezeway.errors import InvalidInput
from breezeway.exchange.orders import Amendment, Side

Fields = Mapping[str, object]


@dataclass(frozen=True, slots=True)
class OrderRules:
    """What is only guessed, or was seen only at times: whether rows give back the client's remark."""

    shows_remark: bool = True


class OrderCalls:
    """Answers are the `Success` of their envelopes; every method may raise BrokerRefusal."""

    def __init__(
        self,
        desk: OrderDesk,
        market: MarketView,
        money: Money,
        portfolio: Portfolio,
        costs: Costs,
        refusals: Refusals,
        faults: Faults,
        rules: OrderRules,
    ) -> None:
        self._desk = desk
        self._market = market
        self._money = money
        self._portfolio = portfolio
        self._costs = costs
        self._refusals = refusals
        self._faults = faults
        self._rules = rules

    def place(self, user_id: str, fields: Fields) -> Row:
        """POST `order`."""
        order = self._place(user_id, self._request(fields))
        if order.instrument.is_derivative:
            return {
                "order_id": order.order_id,
                "message": "Successfully Placed the order",
                "user_remark": order.user_remark if self._rules.shows_remark else "",
            }
        return {
            "order_id": order.order_id,
            "message": f"Equity CASH Order placed successfully through RI reference no {order.order_id}",
            "user_remark": (order.user_remark or None) if self._rules.shows_remark else None,
        }

    def square_off(self, user_id: str, fields: Fields) -> Row:
        """POST `squareoff`: an order that closes a position, or a part of it."""
        request = self._request(fields, squares_off=True)
        instrument = contracts.known(self._market.universe, request.query, self._refusals)
        held = self._portfolio.held(user_id, instrument)
        closes = held > 0 if request.side is Side.SELL else held < 0
        if not closes or request.quantity > abs(held):
            raise self._refusals.application(envelopes.NOT_AVAILABLE)
        order = self._place(user_id, request)
        return {"order_id": order.order_id, "message": "Successfully Placed the order", "indicator": "0"}

    def modify(self, user_id: str, fields: Fields) -> Row:
        """PUT `order`: what is left out stays as it is."""
        order = self._find(user_id, fields)
        answer: Row = {"message": "Successfully Modified the order", "order_id": order.order_id}
        if self._faults.take(FaultKind.IGNORE_CHANGE, user_id=user_id):
            return answer
        try:
            done = self._desk.modify(user_id, order.order_id, _change(order, fields))
        except (OrderRefused, BadField, InvalidInput) as error:
            raise self._refusals.application(_words(error)) from error
        if not done:
            raise self._refusals.application(f"Order cannot be modified as it is {order.status}")
        return answer

    def cancel(self, user_id: str, fields: Fields) -> Row:
        """DELETE `order`."""
        order = self._find(user_id, fields)
        ignored = self._faults.take(FaultKind.IGNORE_CHANGE, user_id=user_id)
        if not ignored and not self._desk.cancel(user_id, order.order_id):
            raise self._refusals.application(f"Order cannot be cancelled as it is {order.status}")
        return {"order_id": order.order_id, "message": "Your Order Canceled successfully."}

    def orders(self, user_id: str, fields: Fields) -> list[Row]:
        """GET `order`: one by its number, or the list of an exchange between two days, newest first."""
        if order_wire.text_of(fields, "order_id"):
            return [order_wire.order_row(self._find(user_id, fields), shows_remark=self._rules.shows_remark)]
        return self._some(
            [
                order_wire.order_row(order, shows_remark=self._rules.shows_remark)
                for order in self._listed(user_id, fields)
            ]
        )

    def trades(self, user_id: str, fields: Fields) -> list[Row]:
        """GET `trades`: the executions of one order, or one row an order that has any."""
        if order_wire.text_of(fields, "order_id"):
            return self._some(order_wire.trade_detail_rows(self._find(user_id, fields)))
        product = order_wire.text_of(fields, "product_type").lower()
        action = order_wire.text_of(fields, "action").lower()
        code = order_wire.text_of(fields, "stock_code").upper()
        rows = []
        for order in self._listed(user_id, fields):
            if (
                order.trades
                and product in ("", order.product.lower())
                and action in ("", order.order.side.value)
                and code in ("", order.instrument.stock_code)
            ):
                cost = self._costs.of_order(order)
                ltp = self._market.snapshot(order.instrument).last
                rows.append(order_wire.trade_row(order, ltp, cost.brokerage, cost.others))
        return self._some(rows)

    def _place(self, user_id: str, request: OrderRequest) -> BrokerOrder:
        instrument = contracts.known(self._market.universe, request.query, self._refusals)
        try:
            self._money.require(user_id, instrument, request.side, request.quantity, request.price)
            return self._desk.place(user_id, instrument, request)
        except (OrderRefused, InvalidInput) as error:
            raise self._refusals.application(_words(error)) from error

    def _request(self, fields: Fields, *, squares_off: bool = False) -> OrderRequest:
        try:
            return order_wire.parse_order(fields, squares_off=squares_off)
        except BadField as error:
            raise self._refusals.application(str(error)) from error

    def _find(self, user_id: str, fields: Fields) -> BrokerOrder:
        exchange = order_wire.text_of(fields, "exchange_code").upper()
        self._desk.advance()
        try:
            found = self._desk.get(user_id, order_wire.text_of(fields, "order_id"))
        except KeyError:
            found = None
        if found is None or found.instrument.exchange != exchange:
            raise self._refusals.application(envelopes.NOT_AVAILABLE)
        return found

    def _listed(self, user_id: str, fields: Fields) -> list[BrokerOrder]:
        exchange = order_wire.text_of(fields, "exchange_code").upper()
        self._desk.advance()
        return order_wire.wanted(self._desk.orders(user_id), exchange, order_wire.parse_days(fields))

    def _some(self, rows: list[Row]) -> list[Row]:
        if not rows:
            raise self._refusals.no_data()
        return rows


def _change(order: BrokerOrder, fields: Fields) -> Amendment:
    terms = order.order
    price, trigger = order_wire.parse_price(fields, "price"), order_wire.parse_price(fields, "stoploss")
    kind = order_wire.text_of(fields, "order_type")
    if kind and order_wire.parse_type(kind, trigger or terms.trigger_price) is not terms.order_type:
        raise BadField(order_wire.BAD_TYPE)
    validity = order_wire.text_of(fields, "validity").lower()
    if validity and validity != order.validity.lower():
        raise BadField(order_wire.BAD_VALIDITY)
    quantity = order_wire.parse_quantity(fields, "quantity", least=0)
    return Amendment(quantity=quantity or None, price=price or None, trigger_price=trigger or None)


def _words(error: Exception) -> str:
    return error.detail if isinstance(error, InvalidInput) else str(error)
