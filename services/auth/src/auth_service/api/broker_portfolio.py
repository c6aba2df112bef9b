"""What the broker says of its customer, asked now. Amounts are strings: rupees, exact."""

from datetime import date, datetime
from decimal import Decimal
from typing import Self
from uuid import UUID

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict, Field

from auth_service.api.dependencies import TheServices
from auth_service.api.paging import Page
from breezeway.breeze.values import BrokerProfile, Funds, Holding, Position
from breezeway.security.scopes import AccountReader

router = APIRouter(prefix="/api/v1/broker-accounts/{account_id}", tags=["broker accounts"])


class BrokerProfileView(BaseModel):
    model_config = ConfigDict(from_attributes=True)

    user_id: str
    user_name: str
    last_login: datetime | None
    segments: dict[str, str] = Field(description="Segment → the broker's letter; `Y` is allowed.")
    exchange_status: dict[str, str] = Field(description="Exchange → the broker's letter; `O` is open.")
    trade_dates: dict[str, date]


class SegmentFundsView(BaseModel):
    allocated: Decimal = Field(examples=["200000.00"])
    blocked: Decimal = Field(examples=["0.00"])


class FundsView(BaseModel):
    """Rupees, in all and by segment."""

    bank_account: str = Field(description="The last digits only.", examples=["…9012"])
    total_bank_balance: Decimal = Field(examples=["800000.00"])
    unallocated_balance: Decimal
    segments: dict[str, SegmentFundsView]

    @classmethod
    def of(cls, funds: Funds) -> Self:
        zero = Decimal(0)
        return cls(
            bank_account=funds.bank_account,
            total_bank_balance=funds.total_bank_balance,
            unallocated_balance=funds.unallocated_balance,
            segments={
                name: SegmentFundsView(allocated=funds.allocated.get(name, zero), blocked=funds.blocked.get(name, zero))
                for name in sorted({*funds.allocated, *funds.blocked})
            },
        )


class HoldingView(BaseModel):
    """Shares in the demat account."""

    model_config = ConfigDict(from_attributes=True)

    broker_code: str = Field(description="ICICI's code; `GET /api/v1/instruments/NSE:<code>` knows it.")
    isin: str | None
    quantity: str
    available_quantity: str
    blocked_quantity: str
    average_price: Decimal | None
    current_price: Decimal | None
    realized_profit: Decimal | None
    unrealized_profit: Decimal | None

    @classmethod
    def of(cls, holding: Holding) -> Self:
        return cls(
            broker_code=holding.broker_code,
            isin=holding.isin,
            quantity=str(holding.quantity),
            available_quantity=str(holding.available_quantity),
            blocked_quantity=str(holding.blocked_quantity),
            average_price=holding.average_price,
            current_price=holding.current_price,
            realized_profit=holding.realized_profit,
            unrealized_profit=holding.unrealized_profit,
        )


class PositionView(BaseModel):
    """A position of the day, in the broker's words."""

    segment: str
    product: str
    exchange: str
    broker_code: str
    expiry: date | None
    strike: Decimal | None
    right: str | None
    action: str
    quantity: str
    average_price: Decimal
    last_price: Decimal | None
    profit: Decimal | None
    underlying: str | None

    @classmethod
    def of(cls, position: Position) -> Self:
        return cls(
            segment=position.segment,
            product=position.product,
            exchange=position.exchange,
            broker_code=position.broker_code,
            expiry=position.expiry,
            strike=position.strike,
            right=position.right,
            action=position.action,
            quantity=str(position.quantity),
            average_price=position.average_price,
            last_price=position.last_price,
            profit=position.profit,
            underlying=position.underlying,
        )


@router.get("/profile", summary="Get the broker's profile of its customer")
async def get_broker_profile(account_id: UUID, user: AccountReader, services: TheServices) -> BrokerProfileView:
    """Name, segments and exchange status, straight from the broker. Costs one broker call."""
    profile: BrokerProfile = await services.portfolio.profile(user.user_id, account_id)
    return BrokerProfileView.model_validate(profile)


@router.get("/funds", summary="Get the funds at the broker")
async def get_broker_funds(account_id: UUID, user: AccountReader, services: TheServices) -> FundsView:
    """Balances, straight from the broker. Costs one broker call."""
    return FundsView.of(await services.portfolio.funds(user.user_id, account_id))


@router.get("/holdings", summary="List the holdings at the broker")
async def list_broker_holdings(account_id: UUID, user: AccountReader, services: TheServices) -> Page[HoldingView]:
    """The demat account, straight from the broker, whole. Costs two broker calls."""
    holdings = await services.portfolio.holdings(user.user_id, account_id)
    return Page(items=[HoldingView.of(holding) for holding in holdings])


@router.get("/positions", summary="List the positions at the broker")
async def list_broker_positions(account_id: UUID, user: AccountReader, services: TheServices) -> Page[PositionView]:
    """The day's positions, straight from the broker, whole. Costs one broker call."""
    positions = await services.portfolio.positions(user.user_id, account_id)
    return Page(items=[PositionView.of(position) for position in positions])
