"""`BrokerDesk` over the official SDK: whose session, which origin, whose turn."""

import asyncio
import time
from collections import OrderedDict
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Final, Literal, Protocol
from uuid import UUID

from breezeway.breeze.gtt import BreezeGtt, GttRow
from breezeway.breeze.orders import OrderRow, OrderTicket
from breezeway.breeze.quota import CallQuota
from breezeway.breeze.transport import BreezeTransport
from breezeway.breeze.values import BreezeCredentials, BrokerInstrument
from breezeway.clock import IST
from breezeway.contracts.broker import BrokerCredentials, BrokerEnvironment
from breezeway.contracts.instruments import Instrument, InstrumentType, Right
from breezeway.errors import Conflict, Forbidden, InvalidInput, RateLimited
from breezeway.exchange.orders import Order, Side, Validity
from breezeway.redis.sliding_window import Verdict
from trading_service.application.live_ports import BookRow, BrokerWord, Route
from trading_service.application.ports import Instruments
from trading_service.domain.accounts import TradingAccount

_KINDS: Final[Mapping[InstrumentType, Literal["equity", "index", "future", "option"]]] = {
    InstrumentType.EQUITY: "equity",
    InstrumentType.FUTURE: "future",
    InstrumentType.OPTION: "option",
}
_CALLS: Final = {"place": 1, "modify": 2, "cancel": 1}
"""Calls that each takes of the broker's budget; the SDK looks at an order before it changes it."""
SEND_SECONDS: Final = 5.0
"""How long after its claim a call may still begin."""
_CLIENTS: Final = 256


class Sessions(Protocol):
    """The users' broker sessions, in auth's vault."""

    async def credentials(self, account_id: UUID) -> BrokerCredentials: ...

    async def report_refused(self, credentials: BrokerCredentials, detail: str) -> None: ...


class Turns(Protocol):
    """The limit of order mutations, which all processes share."""

    async def hit(self, who: str) -> Verdict: ...


class BreezeDesk:
    """Implements `live_ports.BrokerDesk`.

    Args:
        transports: one for each environment that live accounts may use here.
        quota: the limiter of calls that all processes share.
        turns: the limiter of mutations that all processes share.
        wait: seconds that a mutation may wait for its turn.
    """

    def __init__(
        self,
        transports: Mapping[BrokerEnvironment, BreezeTransport],
        sessions: Sessions,
        instruments: Instruments,
        quota: CallQuota,
        turns: Turns,
        *,
        wait: float = 10.0,
    ) -> None:
        self._transports = transports
        self._sessions = sessions
        self._instruments = instruments
        self._quota = quota
        self._turns = turns
        self._wait = wait
        self._clients: OrderedDict[tuple[str, str], BreezeGtt] = OrderedDict()

    async def line(self, account: TradingAccount) -> "BreezeLine":
        client, credentials = await self.open(account)
        return BreezeLine(client, credentials, self._sessions, self._instruments, self._turns, self._wait)

    async def open(self, account: TradingAccount) -> tuple[BreezeGtt, BrokerCredentials]:
        """The client of an account with the credentials of now; raises as `line`."""
        if account.broker_account_id is None:
            raise Conflict("This account has no broker account.", code="broker_account_required")
        credentials = await self._sessions.credentials(account.broker_account_id)
        if credentials.user_id != account.user_id:
            raise Forbidden("The broker account belongs to somebody else.", code="broker_account_not_found")
        transport = self._transports.get(credentials.environment)
        if transport is None:
            raise Forbidden(
                f"Live orders to the {credentials.environment} broker are not enabled here.",
                code="live_trading_disabled",
            )
        return self._client(credentials, transport), credentials

    def _client(self, credentials: BrokerCredentials, transport: BreezeTransport) -> BreezeGtt:
        # The SDK makes a good many objects for a client; a session's is used for all of its calls.
        session_key = credentials.session_key.get_secret_value()
        key = (str(credentials.account_id), session_key)
        client = self._clients.pop(key, None)
        if client is None:
            client = BreezeGtt(transport, self._quota, key[0], wait=self._wait)
            client.resume(
                BreezeCredentials(
                    api_key=credentials.api_key.get_secret_value(),
                    api_secret=credentials.api_secret.get_secret_value(),
                    user_id=credentials.broker_user_id,
                    session_key=session_key,
                )
            )
        self._clients[key] = client
        while len(self._clients) > _CLIENTS:
            self._clients.popitem(last=False)
        return client


class BreezeLine:
    """Implements `live_ports.BrokerLine`; good for one errand."""

    def __init__(
        self,
        client: BreezeGtt,
        credentials: BrokerCredentials,
        sessions: Sessions,
        instruments: Instruments,
        turns: Turns,
        wait: float,
    ) -> None:
        self._client = client
        self._credentials = credentials
        self._sessions = sessions
        self._instruments = instruments
        self._turns = turns
        self._wait = wait

    async def reserve(self, kind: str) -> None:
        await self._client.reserve(_CALLS[kind], self._wait)
        # The broker counts its customer's orders, through whichever of their apps they come.
        who = f"{self._credentials.environment}:{self._credentials.broker_user_id}"
        until = time.monotonic() + self._wait
        while not (verdict := await self._turns.hit(who)).allowed:
            if time.monotonic() + verdict.retry_after > until:
                raise RateLimited(
                    "More orders a second are waiting than the exchange allows.",
                    code="broker_order_rate",
                    retry_after=max(1.0, verdict.retry_after),
                )
            await asyncio.sleep(verdict.retry_after)

    async def place(self, order: Order, route: Route) -> str:
        ticket = await self._ticket(order, route)
        send = self._client.square_off if route.square_off else self._client.place
        return await send(ticket, time.monotonic() + SEND_SECONDS)

    async def modify(self, order: Order, route: Route) -> None:
        ticket = await self._ticket(order, route)
        until = time.monotonic() + SEND_SECONDS
        await self._client.modify(_exchange(order), _number(route), ticket, until)

    async def cancel(self, order: Order, route: Route) -> None:
        await self._client.cancel(_exchange(order), _number(route), time.monotonic() + SEND_SECONDS)

    async def look(self, order: Order, broker_order_id: str) -> BrokerWord | None:
        row = await self._client.order(_exchange(order), broker_order_id)
        return None if row is None else await self._word(row)

    async def book(self, order: Order, day: datetime) -> list[BookRow]:
        instrument = await self._instruments.resolve(order.symbol)
        start = day.astimezone(IST).replace(hour=0, minute=0, second=0, microsecond=0)
        end = start + timedelta(hours=23, minutes=59, seconds=59)
        rows = await self._client.order_book(instrument.exchange, start, end)
        return [
            BookRow(
                word=await self._word(row),
                tag=row.tag,
                symbol=order.symbol if is_of(row, instrument) else None,
                side=row.action,
                placed_at=row.placed_at,
            )
            for row in rows
        ]

    async def _word(self, row: OrderRow) -> BrokerWord:
        executed, average = row.executed, row.average_price
        if executed is None:
            # The book does not say how much of an order was executed before it ended; its trades do.
            executed, average = await self._client.executions(row.exchange, row.broker_order_id)
        return BrokerWord(
            broker_order_id=row.broker_order_id,
            status=row.status,
            quantity=row.quantity,
            executed=executed,
            average_price=average,
            price=row.price,
            trigger=row.trigger,
            read=True,
        )

    async def refused(self, detail: str) -> None:
        await self._sessions.report_refused(self._credentials, detail)

    async def _ticket(self, order: Order, route: Route) -> OrderTicket:
        instrument = await self._instruments.resolve(order.symbol)
        return OrderTicket(
            instrument=broker_instrument(instrument),
            action="buy" if order.side is Side.BUY else "sell",
            kind="stoploss" if order.is_stop else "limit",
            quantity=order.quantity,
            # A changed price is the order's; what has none here keeps the limit that was found for it.
            price=order.price if order.price is not None else route.price,
            trigger=order.trigger_price,
            validity="ioc" if order.validity is Validity.IOC else "day",
            disclosed=order.disclosed_quantity,
            tag=route.tag,
        )


def _exchange(order: Order) -> str:
    return order.symbol.partition(":")[0]


def _number(route: Route) -> str:
    if route.broker_order_id is None:
        raise Conflict("The broker has given the order no number yet.", code="order_not_working")
    return route.broker_order_id


def broker_instrument(instrument: Instrument) -> BrokerInstrument:
    """The broker's name of an instrument. Raises InvalidInput `not_tradable`."""
    kind = _KINDS.get(instrument.type)
    if kind is None:
        raise InvalidInput(f"{instrument.symbol} cannot be traded at the broker.", code="not_tradable")
    return BrokerInstrument(
        exchange=instrument.exchange,
        broker_code=instrument.broker_code,
        kind=kind,
        expiry=instrument.expiry,
        strike=instrument.strike,
        right=_right(instrument),
    )


def _right(instrument: Instrument) -> Literal["CE", "PE"] | None:
    if instrument.right is None:
        return None
    return "CE" if instrument.right is Right.CALL else "PE"


def is_of(row: OrderRow | GttRow, instrument: Instrument) -> bool:
    """Whether a row of the broker's is of an instrument."""
    if (row.exchange, row.broker_code) != (instrument.exchange, instrument.broker_code):
        return False
    if instrument.type is InstrumentType.EQUITY:
        return row.right is None and row.expiry is None
    strike = instrument.strike if instrument.right is not None else None
    return (row.expiry, row.strike, row.right) == (instrument.expiry, strike, _right(instrument))
