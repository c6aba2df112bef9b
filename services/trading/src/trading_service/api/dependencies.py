"""The use cases, as routes ask for them, and the types of parameters."""

from datetime import UTC, datetime
from decimal import Decimal
from typing import Annotated, cast

from fastapi import Depends, Header, Query, Request
from pydantic import AfterValidator, BeforeValidator, WithJsonSchema

from breezeway.errors import InvalidInput
from breezeway.money import amount, parse_amount
from breezeway.security.scopes import is_api_key
from breezeway.security.tokens import Principal
from trading_service.application.accounts import TradingAccounts
from trading_service.application.banking import Banking
from trading_service.application.groups import OrderGroups
from trading_service.application.live_gate import disabled
from trading_service.application.live_placing import LiveTrading
from trading_service.application.live_resolving import ResolveOrder
from trading_service.application.placing import CancelOrder, ModifyOrder, PlaceOrder
from trading_service.application.portfolio import Portfolio
from trading_service.application.reading import ReadTrading


async def _accounts(request: Request) -> TradingAccounts:
    return cast(TradingAccounts, request.app.state.accounts)


async def _place(request: Request) -> PlaceOrder:
    return cast(PlaceOrder, request.app.state.place)


async def _modify(request: Request) -> ModifyOrder:
    return cast(ModifyOrder, request.app.state.modify)


async def _cancel(request: Request) -> CancelOrder:
    return cast(CancelOrder, request.app.state.cancel)


async def _read(request: Request) -> ReadTrading:
    return cast(ReadTrading, request.app.state.read)


async def _portfolio(request: Request) -> Portfolio:
    return cast(Portfolio, request.app.state.portfolio)


async def _banking(request: Request) -> Banking:
    return cast(Banking, request.app.state.banking)


async def _groups(request: Request) -> OrderGroups:
    return cast(OrderGroups, request.app.state.groups)


async def _live(request: Request) -> LiveTrading | None:
    return cast("LiveTrading | None", request.app.state.live)


async def _resolving(request: Request) -> ResolveOrder:
    found: ResolveOrder | None = request.app.state.resolving
    if found is None:
        raise disabled()
    return found


def may_trade_live(principal: Principal) -> bool:
    """Whether the caller may touch live accounts: a person always, a program when its key says so."""
    return not is_api_key(principal) or "live" in principal.scopes


def proved_at(principal: Principal) -> datetime | None:
    """When the caller proved the second factor for their token."""
    return datetime.fromtimestamp(principal.mfa_at, UTC) if principal.mfa_at else None


TheLive = Annotated["LiveTrading | None", Depends(_live)]
TheResolving = Annotated[ResolveOrder, Depends(_resolving)]
TheAccounts = Annotated[TradingAccounts, Depends(_accounts)]
ThePlacing = Annotated[PlaceOrder, Depends(_place)]
TheModifying = Annotated[ModifyOrder, Depends(_modify)]
TheCancelling = Annotated[CancelOrder, Depends(_cancel)]
ThePortfolio = Annotated[Portfolio, Depends(_portfolio)]
TheBanking = Annotated[Banking, Depends(_banking)]
TheGroups = Annotated[OrderGroups, Depends(_groups)]
TheReading = Annotated[ReadTrading, Depends(_read)]

Limit = Annotated[int, Query(ge=1, le=500)]
Cursor = Annotated[str | None, Query(max_length=64)]
IdempotencyKey = Annotated[
    str | None,
    Header(
        alias="Idempotency-Key",
        min_length=1,
        max_length=128,
        description="The same key and body get the first answer again; the same key and another body are refused.",
    ),
]


def _money(value: object) -> Decimal:
    if not isinstance(value, str):
        raise ValueError('money is written as a string of rupees, such as "1000.00"')  # noqa: TRY004 - pydantic wants it
    try:
        return parse_amount(value)
    except InvalidInput as error:
        raise ValueError(error.detail) from None


def _price(value: object) -> Decimal:
    # JSON numbers were parsed to floats, which have lost what was written; only text keeps a price exact.
    if not isinstance(value, str) or len(value) > 24 or not value.replace(".", "", 1).isdigit() or not value.isascii():
        raise ValueError('a price is written as a string of rupees, such as "1400.05"')
    return amount(value)


def _quantity(value: object) -> int:
    if not isinstance(value, str) or not value.isascii() or not value.isdigit() or not 1 <= len(value) <= 12:
        raise ValueError('a quantity is a whole number of units, as a string such as "10"')
    return int(value)


def _positive(value: int) -> int:
    if value <= 0:
        raise ValueError("a quantity is at least 1")
    return value


Money = Annotated[Decimal, BeforeValidator(_money), WithJsonSchema({"type": "string", "examples": ["100000.00"]})]
Price = Annotated[Decimal, BeforeValidator(_price), WithJsonSchema({"type": "string", "examples": ["1400.05"]})]
Units = Annotated[
    int,
    BeforeValidator(_quantity),
    WithJsonSchema({"type": "string", "pattern": "^[0-9]{1,12}$", "examples": ["10"]}),
]
Quantity = Annotated[Units, AfterValidator(_positive)]
