"""Linking bank accounts, and moving money between them and trading accounts."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal
from hashlib import sha256
from typing import Final, Protocol
from uuid import UUID

from breezeway.clock import IST, Clock
from breezeway.errors import Conflict, InvalidInput, NotFound
from breezeway.ids import new_id
from breezeway.money import ZERO
from trading_service.application.ports import Work
from trading_service.domain.accounts import AccountKind
from trading_service.domain.banking import (
    BankAccount,
    Direction,
    Transfer,
    TransferState,
    checked_ifsc,
    checked_number,
    transfer_entry,
)

MOST_ACCOUNTS: Final = 10
_ROUTE: Final = "POST /transfers"


class NumberVault(Protocol):
    """Keeps account numbers secret."""

    def seal(self, number: str, row: UUID) -> bytes:
        """Encrypted, so that it can only be read as that row's."""
        ...

    def fingerprint(self, number: str, ifsc: str) -> str:
        """The same for the same account, and nothing that the number could be guessed from without the key."""
        ...


class BankingWork(Work, Protocol):
    """The transaction of banking."""

    async def add_bank_account(self, account: BankAccount, cipher: bytes, fingerprint: str) -> None:
        """Raises Conflict `bank_account_linked`."""
        ...

    async def bank_accounts(self, user_id: UUID) -> list[BankAccount]: ...

    async def remove_bank_account(self, user_id: UUID, bank_account_id: UUID) -> bool: ...

    async def add_transfer(self, transfer: Transfer) -> None: ...

    async def transfer(self, user_id: UUID, transfer_id: UUID) -> Transfer | None: ...

    async def transfers(self, user_id: UUID, before: UUID | None, limit: int) -> list[Transfer]: ...

    async def save_transfer_state(self, transfer_id: UUID, state: TransferState) -> None: ...

    async def transferred(self, user_id: UUID, direction: Direction, day: date) -> Decimal:
        """What the user has moved that way on an Indian day, reversals left out. Serialises the user's transfers."""
        ...


@dataclass(frozen=True, slots=True)
class Limits:
    """Rupees a user on one Indian day."""

    deposit: Decimal
    withdrawal: Decimal

    def of(self, direction: Direction) -> Decimal:
        return self.deposit if direction is Direction.DEPOSIT else self.withdrawal


@dataclass(frozen=True, slots=True)
class TransferRequest:
    bank_account_id: UUID
    trading_account_id: UUID
    direction: Direction
    amount: Decimal


class Banking:
    """Args:
    vault: None where no key is set; no account can be linked then.
    """

    def __init__(self, work: Callable[[], BankingWork], vault: NumberVault | None, limits: Limits, wall: Clock) -> None:
        self._work = work
        self._vault = vault
        self._limits = limits
        self._wall = wall

    async def link(self, user_id: UUID, holder: str, bank_name: str, ifsc: str, number: str) -> BankAccount:
        """Link an account.

        Raises:
            InvalidInput: `invalid_ifsc`, `invalid_account_number`.
            Conflict: `bank_account_linked`, `too_many_bank_accounts`, `banking_disabled`.
        """
        if self._vault is None:
            raise Conflict(
                "No bank account can be linked: the operator has set no BREEZEWAY_BANK_KEY.", code="banking_disabled"
            )
        code, digits = checked_ifsc(ifsc), checked_number(number)
        account = BankAccount(new_id(), user_id, holder, bank_name, code, digits[-4:], self._wall.now())
        async with self._work() as work:
            if len(await work.bank_accounts(user_id)) >= MOST_ACCOUNTS:
                raise Conflict(f"There can be at most {MOST_ACCOUNTS}.", code="too_many_bank_accounts")
            await work.add_bank_account(
                account, self._vault.seal(digits, account.id), self._vault.fingerprint(digits, code)
            )
            await work.commit()
        return account

    async def linked(self, user_id: UUID) -> list[BankAccount]:
        async with self._work() as work:
            return await work.bank_accounts(user_id)

    async def unlink(self, user_id: UUID, bank_account_id: UUID) -> None:
        """Raises NotFound `bank_account_not_found`. Its transfers stay in the ledger."""
        async with self._work() as work:
            if not await work.remove_bank_account(user_id, bank_account_id):
                raise _no_bank_account()
            await work.commit()

    async def move(self, user_id: UUID, request: TransferRequest, key: str | None) -> Transfer:
        """Move money at once; the same key and request answer the same transfer again.

        Raises:
            NotFound: `bank_account_not_found`, `account_not_found`.
            InvalidInput: `insufficient_funds`, `transfer_limit`, `idempotency_key_reused`.
        """
        now = self._wall.now()
        async with self._work() as work:
            if key is not None:
                earlier = await work.claim(user_id, _ROUTE, key, _fingerprint(request))
                known = None if earlier is None else await work.transfer(user_id, UUID(earlier["id"]))
                if known is not None:
                    return known
            await self._locked(work, user_id, request.trading_account_id)
            if all(each.id != request.bank_account_id for each in await work.bank_accounts(user_id)):
                raise _no_bank_account()
            day = now.astimezone(IST).date()
            moved = await work.transferred(user_id, request.direction, day)
            limit = self._limits.of(request.direction)
            if moved + request.amount > limit:
                left = max(ZERO, limit - moved)
                raise InvalidInput(
                    f"The limit of a day is {limit:.2f} rupees; {left:.2f} are left.", code="transfer_limit"
                )
            transfer = Transfer(
                id=new_id(),
                user_id=user_id,
                account_id=request.trading_account_id,
                bank_account_id=request.bank_account_id,
                direction=request.direction,
                amount=request.amount,
                state=TransferState.COMPLETED,
                day=day,
                created_at=now,
            )
            balances = await work.balances(transfer.account_id)
            await work.book(transfer.account_id, transfer_entry(transfer, balances))
            await work.add_transfer(transfer)
            if key is not None:
                await work.keep_answer(user_id, _ROUTE, key, {"id": str(transfer.id)})
            await work.commit()
        return transfer

    async def reverse(self, user_id: UUID, transfer_id: UUID) -> Transfer:
        """Take a transfer back with a reversing entry; doing it again changes nothing.

        Raises:
            NotFound: `transfer_not_found`.
            InvalidInput: `insufficient_funds`, when the money of a deposit has been spent.
        """
        async with self._work() as work:
            first = await work.transfer(user_id, transfer_id)
            if first is None:
                raise NotFound("There is no such transfer.", code="transfer_not_found")
            await self._locked(work, user_id, first.account_id)
            transfer = await work.transfer(user_id, transfer_id) or first
            if transfer.state is TransferState.REVERSED:
                return transfer
            balances = await work.balances(transfer.account_id)
            await work.book(transfer.account_id, transfer_entry(transfer, balances, reverse=True))
            await work.save_transfer_state(transfer_id, TransferState.REVERSED)
            await work.commit()
        return replace(transfer, state=TransferState.REVERSED)

    async def transfers(self, user_id: UUID, cursor: UUID | None, limit: int) -> tuple[list[Transfer], UUID | None]:
        """A page, newest first, and the cursor of the next."""
        async with self._work() as work:
            found = await work.transfers(user_id, cursor, limit + 1)
        page = found[:limit]
        return page, page[-1].id if len(found) > limit else None

    @staticmethod
    async def _locked(work: BankingWork, user_id: UUID, account_id: UUID) -> None:
        account = await work.lock_account(account_id)
        if account is None or account.user_id != user_id or account.closed_at is not None:
            raise NotFound("There is no such trading account.", code="account_not_found")
        if account.kind is AccountKind.LIVE:
            raise Conflict("A live account's money moves at the broker.", code="not_for_live_accounts")


def _no_bank_account() -> NotFound:
    return NotFound("There is no such bank account.", code="bank_account_not_found")


def _fingerprint(request: TransferRequest) -> str:
    parts = [str(getattr(request, name)) for name in TransferRequest.__slots__]
    return sha256("|".join(parts).encode()).hexdigest()
