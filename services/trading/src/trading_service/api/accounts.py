"""Trading accounts and their money."""

from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

from fastapi import APIRouter, Response, status
from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from breezeway.exchange.checks import AccountState
from breezeway.security.scopes import AccountReader, Trader
from trading_service.api.dependencies import Money, TheAccounts, TheLive, may_trade_live, proved_at
from trading_service.application.accounts import AccountStatus
from trading_service.application.live_placing import refuse_paper_key
from trading_service.application.ports import AccountRequest
from trading_service.application.views import money
from trading_service.domain.accounts import AccountKind

router = APIRouter(prefix="/api/v1/trading/accounts", tags=["trading"])

Plan = Literal[
    "icici_prime_9999",
    "icici_prime_4999",
    "icici_prime_2999",
    "icici_prime_999",
    "icici_prime_299",
    "icici_ivalue",
    "icici_neo",
    "zerodha_like",
    "free",
    "none",
]


class NewAccount(BaseModel):
    """`free` charges no brokerage but every tax; `none` charges nothing at all."""

    model_config = ConfigDict(extra="forbid")

    name: Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=80)] = Field(
        examples=["Swing trades"]
    )
    kind: AccountKind = AccountKind.PAPER
    initial_cash: Money
    charge_plan: Plan = "icici_prime_299"
    broker_account_id: UUID | None = Field(
        None, description="For live accounts: where their orders go. The broker session must be open."
    )


class AccountChange(BaseModel):
    """The kill switch: `reducing` lets only closing orders through, `halted` none, and cancels what works."""

    model_config = ConfigDict(extra="forbid")

    state: AccountState


class AccountView(BaseModel):
    """An account and its money, rupees. Prices are the last known."""

    id: UUID
    name: str
    kind: AccountKind
    state: AccountState
    charge_plan: str
    initial_cash: str = Field(examples=["100000.00"])
    cash: str = Field(description="Free to spend.", examples=["85990.00"])
    equity: str = Field(description="Worth of the account at the last prices.", examples=["100012.40"])
    margin_used: str = Field(description="Blocked for working orders and open positions.")
    buying_power: str = Field(description="What an order may block: the free cash.")
    unsettled: str = Field(description="Receipts that settle later; they may be spent, not withdrawn.")
    withdrawable: str
    holdings_cost: str
    realised: str = Field(description="Before charges.")
    unrealised: str
    charges: str
    shortfall: str = Field(description="Losses beyond the cash, owed to the broker.")
    created_at: datetime
    broker_account_id: UUID | None = Field(None, description="Of a live account: where its orders go.")

    @classmethod
    def of(cls, found: AccountStatus) -> "AccountView":
        account, funds = found.account, found.funds
        return cls(
            id=account.id,
            name=account.name,
            kind=account.kind,
            state=account.state,
            charge_plan=account.charge_plan,
            initial_cash=money(account.initial_cash),
            cash=money(funds.cash),
            equity=money(funds.equity),
            margin_used=money(funds.margin_used),
            buying_power=money(funds.cash),
            unsettled=money(funds.unsettled),
            withdrawable=money(funds.withdrawable),
            holdings_cost=money(funds.holdings_cost),
            realised=money(funds.realised),
            unrealised=money(funds.unrealised),
            charges=money(funds.charges),
            shortfall=money(funds.shortfall),
            created_at=account.created_at,
            broker_account_id=account.broker_account_id,
        )


class AccountPage(BaseModel):
    """Never more than fits into one page."""

    items: list[AccountView]
    next: str | None = None


@router.get("", name="list_trading_accounts", summary="The caller's trading accounts")
async def list_accounts(user: AccountReader, accounts: TheAccounts) -> AccountPage:
    """Oldest first, each with its money."""
    return AccountPage(items=[AccountView.of(each) for each in await accounts.of(user.user_id)])


@router.post("", name="open_trading_account", summary="Open a trading account", status_code=status.HTTP_201_CREATED)
async def open_account(user: Trader, accounts: TheAccounts, body: NewAccount) -> AccountView:
    """A live account sends its orders to the broker. It answers 403 `live_trading_disabled` unless the operator allows
    live trading, and 403 `step_up_required` without a token of `POST /api/v1/auth/mfa/step-up`."""
    request = AccountRequest(
        body.name, body.kind, body.initial_cash, body.charge_plan, body.broker_account_id, proved_at(user)
    )
    opened = await accounts.open(user.user_id, request)
    return AccountView.of(await accounts.one(user.user_id, opened.id))


@router.get("/{account_id}", name="get_trading_account", summary="One account and its money")
async def one(user: AccountReader, accounts: TheAccounts, account_id: UUID) -> AccountView:
    """Every amount is a balance of the account's ledger, but for what depends on live prices."""
    return AccountView.of(await accounts.one(user.user_id, account_id))


@router.get("/{account_id}/funds", name="get_trading_funds", summary="The account's money")
async def funds(user: AccountReader, accounts: TheAccounts, account_id: UUID) -> AccountView:
    """The same as the account itself, under the name that traders look for."""
    return AccountView.of(await accounts.one(user.user_id, account_id))


@router.patch("/{account_id}", name="change_trading_account", summary="The kill switch")
async def change(
    user: Trader, accounts: TheAccounts, live: TheLive, account_id: UUID, body: AccountChange
) -> AccountView:
    """Takes effect for every request that follows; `halted` also cancels every working order. Making a live account
    active again takes a fresh second factor (403 `step_up_required`)."""
    if not may_trade_live(user):
        await refuse_paper_key(live, user.user_id, account_id=account_id)
    return AccountView.of(await accounts.change_state(user.user_id, account_id, body.state, proved_at(user)))


@router.post("/{account_id}/reset", name="reset_trading_account", summary="Begin again with the starting cash")
async def reset(user: Trader, accounts: TheAccounts, live: TheLive, account_id: UUID) -> AccountView:
    """Working orders must be cancelled first. The journal keeps what was."""
    if not may_trade_live(user):
        await refuse_paper_key(live, user.user_id, account_id=account_id)
    return AccountView.of(await accounts.reset(user.user_id, account_id))


@router.delete(
    "/{account_id}", name="close_trading_account", summary="Close an account", status_code=status.HTTP_204_NO_CONTENT
)
async def close(user: Trader, accounts: TheAccounts, live: TheLive, account_id: UUID) -> Response:
    """Only without working orders and open positions."""
    if not may_trade_live(user):
        await refuse_paper_key(live, user.user_id, account_id=account_id)
    await accounts.close(user.user_id, account_id)
    return Response(status_code=status.HTTP_204_NO_CONTENT)
