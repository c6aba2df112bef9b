"""Linked bank accounts and transfers: validated, encrypted, limited, reversible, and all in the ledger."""

import asyncio
import base64
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest
import sqlalchemy as sa
from cryptography.exceptions import InvalidTag

from breezeway.clock import SystemClock
from breezeway.errors import Conflict, InvalidInput, Misconfigured, NotFound
from breezeway.ids import new_id
from trading_service.adapters.db.banking import PostgresBanking
from trading_service.adapters.number_vault import AesNumberVault
from trading_service.application.banking import Banking, Limits, TransferRequest
from trading_service.domain.banking import Direction, Transfer, TransferState, checked_ifsc, checked_number

KEY = base64.b64encode(b"k" * 32).decode()
NUMBER = "000401234567"


@pytest.fixture
def user() -> UUID:
    return new_id()


@pytest.fixture
def banking(service: Any) -> Banking:
    limits = Limits(Decimal(100_000), Decimal(50_000))
    return Banking(lambda: PostgresBanking(service.engine), AesNumberVault(KEY), limits, SystemClock())


async def link(banking: Banking, user: UUID, number: str = NUMBER) -> Any:
    return await banking.link(user, "A TRADER", "ICICI Bank", "icic0000004", number)


def test_what_is_no_ifsc_and_no_number() -> None:
    assert checked_ifsc(" icic0000004 ") == "ICIC0000004"
    assert checked_number("0004 0123 4567") == NUMBER
    for wrong in ("ICIC1000004", "ICI00000004", "ICIC000000", "ICIC0000004X", "ICIC0 00004"):
        with pytest.raises(InvalidInput):
            checked_ifsc(wrong)
    for wrong in ("12345678", "1" * 19, "12345678x", "000000000", "१२३४५६७८९"):
        with pytest.raises(InvalidInput) as refused:
            checked_number(wrong)
        assert wrong not in refused.value.detail


def test_a_number_opens_only_in_its_own_row() -> None:
    vault, row = AesNumberVault(KEY), new_id()
    sealed = vault.seal(NUMBER, row)
    assert vault.open(sealed, row) == NUMBER
    assert NUMBER.encode() not in sealed
    with pytest.raises(InvalidTag):
        vault.open(sealed, new_id())
    assert vault.seal(NUMBER, row) != sealed
    with pytest.raises(Misconfigured):
        AesNumberVault("too short")


async def test_a_number_is_masked_encrypted_and_linked_once(service: Any, banking: Banking, user: UUID) -> None:
    account = await link(banking, user)
    assert account.last_digits == "4567"
    with pytest.raises(Conflict) as refused:
        await link(banking, user)
    assert refused.value.code == "bank_account_linked"
    async with service.engine.connect() as connection:
        row = (
            await connection.execute(sa.text("SELECT * FROM bank_accounts WHERE id = :id"), {"id": account.id})
        ).one()
    assert NUMBER not in repr(tuple(row))
    await banking.unlink(user, account.id)
    assert await banking.linked(user) == []
    await link(banking, user)
    with pytest.raises(NotFound):
        await banking.unlink(new_id(), account.id)


async def test_money_comes_and_goes_within_limits(service: Any, banking: Banking, user: UUID) -> None:
    bank, account = await link(banking, user), await service.open("0.00", user=user)

    async def move(direction: str, amount: str, key: str | None = None) -> Transfer:
        request = TransferRequest(bank.id, account.id, Direction(direction), Decimal(amount))
        return await banking.move(user, request, key)

    await move("deposit", "60000.00")
    with pytest.raises(InvalidInput) as refused:
        await move("deposit", "40000.01")
    assert refused.value.code == "transfer_limit"
    await move("withdrawal", "10000.00")
    assert (await service.balances(account))["cash"] == Decimal("50000.00")
    with pytest.raises(InvalidInput) as refused:
        await move("withdrawal", "40000.01")
    assert refused.value.code == "transfer_limit"
    first = await move("deposit", "10.00", "key")
    assert await move("deposit", "10.00", "key") == first
    with pytest.raises(InvalidInput) as refused:
        await move("deposit", "11.00", "key")
    assert refused.value.code == "idempotency_key_reused"
    await service.check(account)


async def test_the_same_money_is_withdrawn_once(service: Any, banking: Banking, user: UUID) -> None:
    """Twenty withdrawals of 100 rupees at once from 1,000: exactly ten."""
    bank, account = await link(banking, user), await service.open("1000.00", user=user)
    request = TransferRequest(bank.id, account.id, Direction.WITHDRAWAL, Decimal(100))
    results = await asyncio.gather(*(banking.move(user, request, None) for _ in range(20)), return_exceptions=True)
    assert sum(isinstance(each, Transfer) for each in results) == 10
    assert "cash" not in await service.balances(account)
    await service.check(account)


async def test_a_transfer_is_reversed_once_and_only_while_the_money_is_there(
    service: Any, banking: Banking, user: UUID
) -> None:
    bank, account = await link(banking, user), await service.open("0.00", user=user)
    deposit = await banking.move(user, TransferRequest(bank.id, account.id, Direction.DEPOSIT, Decimal(1000)), None)
    withdrawal = await banking.move(
        user, TransferRequest(bank.id, account.id, Direction.WITHDRAWAL, Decimal(400)), None
    )
    with pytest.raises(InvalidInput) as refused:
        await banking.reverse(user, deposit.id)
    assert refused.value.code == "insufficient_funds"
    for _ in range(2):
        assert (await banking.reverse(user, withdrawal.id)).state is TransferState.REVERSED
    assert (await service.balances(account))["cash"] == Decimal("1000.00")
    await banking.reverse(user, deposit.id)
    assert await service.balances(account) == {}
    with pytest.raises(NotFound):
        await banking.reverse(new_id(), deposit.id)
    await service.check(account)


async def test_unsettled_money_cannot_be_withdrawn(service: Any, banking: Banking, user: UUID) -> None:
    bank, account = await link(banking, user), await service.open("1000.00", user=user)
    service.tick("100", spread="0")
    await service.order(account, quantity=10, price="100")
    await service.settle_in()
    service.tick("100", spread="0")
    await service.settle_in()
    await service.order(account, "sell", 10, "100")
    await service.settle_in()
    service.tick("100", spread="0")
    await service.settle_in()
    assert (await service.balances(account))["cash"] == Decimal("1000.00")
    with pytest.raises(InvalidInput) as refused:
        await banking.move(user, TransferRequest(bank.id, account.id, Direction.WITHDRAWAL, Decimal(1)), None)
    assert refused.value.code == "insufficient_funds"
    await service.check(account)


async def test_without_a_key_nothing_is_linked(service: Any, user: UUID) -> None:
    banking = Banking(lambda: PostgresBanking(service.engine), None, Limits(Decimal(1), Decimal(1)), SystemClock())
    with pytest.raises(Conflict) as refused:
        await link(banking, user)
    assert refused.value.code == "banking_disabled"
