"""Bank accounts and transfers."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query, Response, status
from pydantic import BaseModel, ConfigDict, Field, StringConstraints, field_validator

from breezeway.security.scopes import AccountReader, SignedIn
from trading_service.api.dependencies import IdempotencyKey, Limit, Money, TheBanking
from trading_service.application.banking import TransferRequest
from trading_service.application.views import money
from trading_service.domain.banking import BankAccount, Direction, Transfer, TransferState

router = APIRouter(prefix="/api/v1/banking", tags=["banking"])

Name = Annotated[str, StringConstraints(strip_whitespace=True, min_length=2, max_length=120)]


class NewBankAccount(BaseModel):
    model_config = ConfigDict(extra="forbid")

    holder: Name = Field(examples=["A TRADER"])
    account_number: str = Field(min_length=9, max_length=30, examples=["000401234567"])
    ifsc: str = Field(min_length=11, max_length=11, examples=["ICIC0000004"])
    bank_name: Name = Field(examples=["ICICI Bank"])


class BankAccountView(BaseModel):
    id: UUID
    holder: str
    account_number: str = Field(description="Masked.", examples=["XXXXXX4567"])
    ifsc: str
    bank_name: str
    created_at: datetime

    @classmethod
    def of(cls, account: BankAccount) -> "BankAccountView":
        return cls(
            id=account.id,
            holder=account.holder,
            account_number=f"XXXXXX{account.last_digits}",
            ifsc=account.ifsc,
            bank_name=account.bank_name,
            created_at=account.created_at,
        )


class BankAccountPage(BaseModel):
    items: list[BankAccountView]
    next: str | None = None


class NewTransfer(BaseModel):
    model_config = ConfigDict(extra="forbid")

    bank_account_id: UUID
    trading_account_id: UUID
    direction: Direction = Field(examples=["deposit"])
    amount: Money

    @field_validator("amount")
    @classmethod
    def _positive(cls, value: Money) -> Money:
        if value <= 0:
            raise ValueError("a transfer moves more than nothing")
        return value


class TransferView(BaseModel):
    id: UUID
    bank_account_id: UUID
    trading_account_id: UUID
    direction: Direction
    amount: str = Field(examples=["25000.00"])
    state: TransferState
    created_at: datetime

    @classmethod
    def of(cls, transfer: Transfer) -> "TransferView":
        return cls(
            id=transfer.id,
            bank_account_id=transfer.bank_account_id,
            trading_account_id=transfer.account_id,
            direction=transfer.direction,
            amount=money(transfer.amount),
            state=transfer.state,
            created_at=transfer.created_at,
        )


class TransferPage(BaseModel):
    items: list[TransferView]
    next: UUID | None


@router.get("/accounts", name="list_bank_accounts", summary="The caller's bank accounts")
async def linked(user: AccountReader, banking: TheBanking) -> BankAccountPage:
    """Numbers are masked; nobody is shown them again."""
    return BankAccountPage(items=[BankAccountView.of(each) for each in await banking.linked(user.user_id)])


@router.post("/accounts", name="link_bank_account", summary="Link a bank account", status_code=status.HTTP_201_CREATED)
async def link(user: SignedIn, banking: TheBanking, body: NewBankAccount) -> BankAccountView:
    """IFSC and number are validated; the number is stored encrypted."""
    account = await banking.link(user.user_id, body.holder, body.bank_name, body.ifsc, body.account_number)
    return BankAccountView.of(account)


@router.delete(
    "/accounts/{bank_account_id}",
    name="unlink_bank_account",
    summary="Unlink a bank account",
    status_code=status.HTTP_204_NO_CONTENT,
)
async def unlink(user: SignedIn, banking: TheBanking, bank_account_id: UUID) -> Response:
    """Its transfers stay in the ledger."""
    await banking.unlink(user.user_id, bank_account_id)
    return Response(status_code=status.HTTP_204_NO_CONTENT)


@router.get("/transfers", name="list_transfers", summary="The caller's transfers")
async def transfers(
    user: AccountReader, banking: TheBanking, cursor: Annotated[UUID | None, Query()] = None, limit: Limit = 50
) -> TransferPage:
    """Newest first."""
    found, following = await banking.transfers(user.user_id, cursor, limit)
    return TransferPage(items=[TransferView.of(each) for each in found], next=following)


@router.post("/transfers", name="make_transfer", summary="Deposit or withdraw", status_code=status.HTTP_201_CREATED)
async def move(user: SignedIn, banking: TheBanking, body: NewTransfer, key: IdempotencyKey = None) -> TransferView:
    """Paper money arrives at once. What was received today can be withdrawn after its settlement."""
    request = TransferRequest(body.bank_account_id, body.trading_account_id, body.direction, body.amount)
    return TransferView.of(await banking.move(user.user_id, request, key))


@router.post("/transfers/{transfer_id}/reversal", name="reverse_transfer", summary="Take a transfer back")
async def reverse(user: SignedIn, banking: TheBanking, transfer_id: UUID) -> TransferView:
    """By a reversing entry; doing it again changes nothing."""
    return TransferView.of(await banking.reverse(user.user_id, transfer_id))
