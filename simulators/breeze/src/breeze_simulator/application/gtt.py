"""The GTT endpoints, and what watches the market for them.

A single order waits for one trigger, an OCO for the first of two; a cover OCO places its fresh order at once and arms
its two exits for what that has filled. A leg that is reached places an ordinary limit order.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from decimal import Decimal
from itertools import count

from breeze_simulator.application import contracts
from breeze_simulator.application.order_calls import OrderCalls
from breeze_simulator.application.order_desk import OrderDesk
from breeze_simulator.application.ports import LiveMarket
from breeze_simulator.domain import envelopes, gtt_orders, order_wire, wire
from breeze_simulator.domain.broker_orders import BrokerOrder
from breeze_simulator.domain.envelopes import BrokerRefusal, Refusals
from breeze_simulator.domain.gtt_orders import CANCELLED, GttLeg, GttOrder
from breeze_simulator.domain.instruments import Instrument
from breeze_simulator.domain.market_types import Tick
from breeze_simulator.domain.order_wire import BadField, text_of
from breeze_simulator.domain.wire import Row
from breezeway.clock import IST, Clock
from breezeway.exchange.market import quoted_price

Fields = Mapping[str, object]
Note = Callable[..., None]


class GttCalls:
    """Answers are the `Success` of their envelopes; every call may raise BrokerRefusal.

    Args:
        note: records in the journal what becomes of a GTT order.
    """

    def __init__(
        self,
        desk: OrderDesk,
        calls: OrderCalls,
        market: LiveMarket,
        refusals: Refusals,
        exchange_clock: Clock,
        note: Note,
    ) -> None:
        self._desk = desk
        self._calls = calls
        self._market = market
        self._refusals = refusals
        self._clock = exchange_clock
        self._note = note
        self._orders: dict[str, GttOrder] = {}
        self._numbers = count(1)

    def place(self, user_id: str, fields: Fields) -> Row:
        """POST `gttorder`."""
        product = text_of(fields, "product").lower()
        try:
            kind = gtt_orders.parse_kind(fields)
            legs = gtt_orders.parse_legs(fields, kind)
            quantity = order_wire.parse_quantity(fields, "quantity")
        except BadField as error:
            raise self._refusals.application(str(error)) from error
        query = wire.parse_contract({**fields, "product_type": product})
        instrument = contracts.known(self._market.universe, query, self._refusals)
        now = self._clock.now()
        order = GttOrder(
            gtt_id=f"{now.astimezone(IST):%Y%m%d}{next(self._numbers):08d}",
            user_id=user_id,
            instrument=instrument,
            product=order_wire.PRODUCTS.get(product, "Cash"),
            quantity=quantity,
            kind=kind,
            legs=legs,
            placed_at=now,
            index_or_stock=text_of(fields, "index_or_stock").capitalize(),
        )
        if kind == "Cover OCO":
            fresh = self._calls.place(user_id, self._fresh(order, fields))
            order = replace(order, fresh_order_id=str(fresh["order_id"]))
        self._keep(order)
        self._market.watch(instrument)
        self._note("gtt", event="place", gtt_order_id=order.gtt_id, user_id=user_id, gtt_type=kind)
        if order.fresh_order_id is None:
            self._keep(order.armed(self._last(instrument)))
        else:
            self.on_order(self._desk.get(user_id, order.fresh_order_id))
        return {"gtt_order_id": order.gtt_id, "message": "Your GTT Order Request Placed Successfully"}

    def modify(self, user_id: str, fields: Fields) -> Row:
        """PUT `gttorder`: other triggers and limits."""
        order = self._find(user_id, fields)
        try:
            legs = gtt_orders.parse_legs(fields, order.kind)
        except BadField as error:
            raise self._refusals.application(str(error)) from error
        armed = any(leg.status == gtt_orders.ACTIVE for leg in order.legs)
        changed = replace(order, legs=legs)
        self._keep(changed.armed(self._last(order.instrument)) if armed else changed)
        self._note("gtt", event="modify", gtt_order_id=order.gtt_id, user_id=user_id)
        return {"gtt_order_id": order.gtt_id, "message": "Order Modified Successfully"}

    def cancel(self, user_id: str, fields: Fields) -> Row:
        """DELETE `gttorder`: its legs, and a fresh order that still works."""
        order = self._find(user_id, fields)
        self._end(order.with_status(CANCELLED))
        if order.fresh_order_id is not None:
            self._desk.cancel(user_id, order.fresh_order_id)
        self._note("gtt", event="cancel", gtt_order_id=order.gtt_id, user_id=user_id)
        return {
            "gtt_order_id": order.gtt_id,
            "message": "Your request for order cancellation successfully submitted !",
        }

    def book(self, user_id: str, fields: Fields) -> list[Row]:
        """GET `gttorder`: those of an exchange between two days, newest first."""
        exchange, (first, last) = text_of(fields, "exchange_code").upper(), order_wire.parse_days(fields)
        rows = [
            order.row()
            for order in reversed(self._orders.values())
            if order.user_id == user_id
            and order.instrument.exchange == exchange
            and first <= order.placed_at.astimezone(IST).date() <= last
        ]
        if not rows:
            raise self._refusals.no_data()
        return rows

    async def emit_ticks(self, ticks: Sequence[Tick]) -> None:
        """Trigger what the market has reached."""
        active = [order for order in self._orders.values() if order.is_active]
        for tick in ticks if active else ():
            for order in active:
                if order.instrument.key == tick.instrument.key and self._orders[order.gtt_id] is order:
                    self._watch_price(order, quoted_price(tick.quote.last))

    def on_order(self, order: BrokerOrder) -> None:
        """Arm the exits of a cover order once its fresh order is done, for as much as it filled."""
        found = next((gtt for gtt in self._orders.values() if gtt.fresh_order_id == order.order_id), None)
        if found is None or order.is_working or not found.is_active:
            return
        if order.record.filled:
            self._keep(replace(found, quantity=order.record.filled).armed(self._last(order.instrument)))
        else:
            self._end(found.with_status(CANCELLED))

    def _watch_price(self, order: GttOrder, last: Decimal) -> None:
        leg = next((leg for leg in order.legs if leg.reached(last)), None)
        if leg is None:
            return
        # The other leg first: two legs of one GTT never both place an order.
        self._end(order.with_status(CANCELLED, only=leg))
        try:
            placed = self._calls.place(order.user_id, self._exit(order, leg))
        except BrokerRefusal as error:
            self._note("gtt", event="refused", gtt_order_id=order.gtt_id, user_id=order.user_id, error=str(error))
            return
        details = {"order_id": placed["order_id"], "gtt_leg_type": leg.kind}
        self._note("gtt", event="trigger", gtt_order_id=order.gtt_id, user_id=order.user_id, **details)

    def _fresh(self, order: GttOrder, fields: Fields) -> dict[str, object]:
        return {
            **fields,
            "action": text_of(fields, "fresh_order_action"),
            "price": text_of(fields, "fresh_order_price"),
            "order_type": text_of(fields, "fresh_order_type") or "limit",
            "validity": "day",
            "user_remark": order.gtt_id,
        }

    def _exit(self, order: GttOrder, leg: GttLeg) -> dict[str, object]:
        contract = order.instrument
        return {
            "stock_code": contract.stock_code,
            "exchange_code": contract.exchange,
            "product": order.product,
            "action": leg.side.value,
            "order_type": "limit",
            "quantity": order.quantity,
            "price": str(leg.limit_price),
            "validity": "day",
            "expiry_date": contract.expiry.isoformat() if contract.expiry else "",
            "right": contract.right or "others",
            "strike_price": str(contract.strike or 0),
            "user_remark": order.gtt_id,
        }

    def _find(self, user_id: str, fields: Fields) -> GttOrder:
        order = self._orders.get(text_of(fields, "gtt_order_id"))
        exchange = text_of(fields, "exchange_code").upper()
        if order is None or order.user_id != user_id or order.instrument.exchange != exchange or not order.is_active:
            raise self._refusals.application(envelopes.NOT_AVAILABLE)
        return order

    def _last(self, instrument: Instrument) -> Decimal:
        return quoted_price(self._market.snapshot(instrument).last)

    def _keep(self, order: GttOrder) -> None:
        self._orders[order.gtt_id] = order

    def _end(self, order: GttOrder) -> None:
        self._keep(order)
        self._market.unwatch(order.instrument)
