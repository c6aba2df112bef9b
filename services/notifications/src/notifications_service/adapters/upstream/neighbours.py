"""Auth, instruments and trading, as far as notifications need them."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from pydantic import BaseModel

from breezeway.contracts.instruments import ResolveAnswer, ResolveRequest
from breezeway.contracts.trading import OrderView
from breezeway.errors import Forbidden, NotFound
from breezeway.http.client import ServiceClient


class _KnownUser(BaseModel):
    email: str
    active: bool
    email_verified: bool


class _Account(BaseModel):
    id: UUID
    kind: str


class AuthContacts:
    """Implements `ports.Contacts`."""

    def __init__(self, auth: ServiceClient) -> None:
        self._auth = auth

    async def address_of(self, user_id: UUID) -> str | None:
        try:
            user = await self._auth.call("GET", f"/internal/users/{user_id}", _KnownUser)
        except NotFound:
            return None
        return user.email if user.active and user.email_verified else None


class HttpSymbols:
    """Implements `ports.Symbols`."""

    def __init__(self, instruments: ServiceClient) -> None:
        self._instruments = instruments

    async def canonical(self, symbol: str) -> str:
        answer = await self._instruments.call(
            "POST", "/internal/instruments/resolve", ResolveAnswer, json=ResolveRequest(symbols=[symbol])
        )
        found = answer.found.get(symbol)
        if found is None:
            raise NotFound(f"There is no instrument {symbol[:80]}.", code="instrument_not_found")
        return found.symbol


class TradingOrders:
    """Implements `ports.Orders`."""

    def __init__(self, trading: ServiceClient) -> None:
        self._trading = trading

    async def check_account(self, bearer: str, account_id: UUID) -> None:
        account = await self._trading.call("GET", f"/api/v1/trading/accounts/{account_id}", _Account, bearer=bearer)
        if account.kind != "paper":
            raise Forbidden("A hook places paper orders only.", code="live_trading_disabled")

    async def place(self, user_id: UUID, order: Mapping[str, Any], key: str) -> UUID:
        placed = await self._trading.call(
            "POST", f"/internal/users/{user_id}/orders", OrderView, json=dict(order), headers={"Idempotency-Key": key}
        )
        return placed.id
