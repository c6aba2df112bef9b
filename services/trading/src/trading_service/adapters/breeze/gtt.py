"""`GttDesk` over the official SDK."""

import time
from collections.abc import Mapping
from datetime import datetime
from typing import Final

from breezeway.breeze.gtt import GttKind, GttRow, GttTicket, LegKind
from breezeway.breeze.gtt import GttLeg as WireLeg
from breezeway.breeze.orders import Action
from breezeway.clock import IST
from breezeway.contracts.instruments import Instrument
from breezeway.errors import Conflict
from breezeway.exchange.orders import Side
from trading_service.adapters.breeze.orders import SEND_SECONDS, BreezeDesk, BreezeLine, broker_instrument, is_of
from trading_service.domain.accounts import TradingAccount
from trading_service.domain.groups import LEG, STOP, TARGET
from trading_service.domain.gtt import BookedGtt, Leg, LiveGtt
from trading_service.domain.instruments import INDEX_NAMES, contract_of

_KINDS: Final[Mapping[str, LegKind]] = {LEG: "", TARGET: "target", STOP: "stoploss"}
_ROLES: Final = {kind: role for role, kind in _KINDS.items()}


class BreezeGttDesk(BreezeDesk):
    """Implements `gtt_ports.GttDesk`."""

    async def line(self, account: TradingAccount) -> "BreezeGttLine":
        client, credentials = await self.open(account)
        return BreezeGttLine(client, credentials, self._sessions, self._instruments, self._turns, self._wait)


class BreezeGttLine(BreezeLine):
    """Implements `gtt_ports.GttLine`; good for one errand."""

    async def place_gtt(self, gtt: LiveGtt) -> str:
        instrument = await self._instruments.resolve(gtt.symbol)
        ticket = GttTicket(
            instrument=broker_instrument(instrument),
            on_index=contract_of(instrument, index_names=INDEX_NAMES).on_index,
            quantity=gtt.quantity,
            kind=_kind(gtt),
            legs=_legs(gtt, gtt.legs),
            day=gtt.placed_at.astimezone(IST).date(),
        )
        return await self._client.place_gtt(ticket, time.monotonic() + SEND_SECONDS)

    async def modify_gtt(self, gtt: LiveGtt, legs: tuple[Leg, ...]) -> None:
        until = time.monotonic() + SEND_SECONDS
        await self._client.modify_gtt(gtt.exchange, _number(gtt), _kind(gtt), _legs(gtt, legs), until)

    async def cancel_gtt(self, gtt: LiveGtt) -> None:
        until = time.monotonic() + SEND_SECONDS
        await self._client.cancel_gtt(gtt.exchange, _number(gtt), _kind(gtt), until)

    async def gtt_book(self, symbol: str, start: datetime, end: datetime) -> list[BookedGtt]:
        instrument = await self._instruments.resolve(symbol)
        rows = await self._client.gtt_book(instrument.exchange, start, end)
        return [_booked(row, symbol, instrument) for row in rows]


def _booked(row: GttRow, symbol: str, instrument: Instrument) -> BookedGtt:
    return BookedGtt(
        gtt_id=row.gtt_id,
        symbol=symbol if is_of(row, instrument) else None,
        side=row.legs[0].action,
        quantity=row.quantity,
        legs=tuple(Leg(_ROLES[leg.kind], leg.trigger, leg.limit, leg.status) for leg in row.legs),
        placed_at=row.placed_at,
    )


def _kind(gtt: LiveGtt) -> GttKind:
    return "single" if gtt.is_single else "oco"


def _legs(gtt: LiveGtt, legs: tuple[Leg, ...]) -> tuple[WireLeg, ...]:
    action: Action = "buy" if gtt.side is Side.BUY else "sell"
    return tuple(WireLeg(_KINDS[leg.role], action, leg.trigger, leg.limit) for leg in legs)


def _number(gtt: LiveGtt) -> str:
    if gtt.broker_gtt_id is None:
        raise Conflict("The broker has given the GTT no number yet.", code="order_not_working")
    return gtt.broker_gtt_id
