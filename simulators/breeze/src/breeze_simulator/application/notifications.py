"""Tells a user's clients what became of an order, as frames of the order stream."""

from itertools import count

from breeze_simulator.application.accounts import Accounts
from breeze_simulator.application.streams import Streams
from breeze_simulator.domain.broker_orders import BrokerOrder
from breeze_simulator.domain.order_frames import order_notification
from breezeway.clock import Clock


class Notifications:
    """One frame a change of an order, numbered in the order in which things happened."""

    def __init__(self, streams: Streams, accounts: Accounts, exchange_clock: Clock) -> None:
        self._streams = streams
        self._accounts = accounts
        self._clock = exchange_clock
        self._numbers = count(1)

    def tell(self, order: BrokerOrder) -> None:
        account = self._accounts.funds(order.user_id).bank_account[-10:]
        at = order.record.updated_at or order.placed_at
        self._streams.emit_order(order.user_id, order_notification(order, next(self._numbers), account, at))
