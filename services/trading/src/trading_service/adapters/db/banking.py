"""Bank accounts and transfers."""

from datetime import date
from decimal import Decimal
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError

from breezeway.errors import Conflict
from trading_service.adapters.db.tables import bank_accounts, transfers
from trading_service.adapters.db.work import PostgresWork
from trading_service.domain.banking import BankAccount, Direction, Transfer, TransferState

_b = bank_accounts.c
_t = transfers.c


class PostgresBanking(PostgresWork):
    """Implements `banking.BankingWork`."""

    async def add_bank_account(self, account: BankAccount, cipher: bytes, fingerprint: str) -> None:
        values = {name: getattr(account, name) for name in BankAccount.__slots__}
        secret = {"number_cipher": cipher, "number_print": fingerprint}
        try:
            await self.session.execute(sa.insert(bank_accounts).values(values | secret))
        except IntegrityError as error:
            raise Conflict("This bank account is linked already.", code="bank_account_linked") from error

    async def bank_accounts(self, user_id: UUID) -> list[BankAccount]:
        query = sa.select(bank_accounts).where(_b.user_id == user_id, _b.removed_at.is_(None)).order_by(_b.id)
        return [
            BankAccount(**{name: getattr(row, name) for name in BankAccount.__slots__})
            for row in await self.session.execute(query)
        ]

    async def remove_bank_account(self, user_id: UUID, bank_account_id: UUID) -> bool:
        statement = (
            sa.update(bank_accounts)
            .where(_b.id == bank_account_id, _b.user_id == user_id, _b.removed_at.is_(None))
            # The number is of no use any more, so it is not kept.
            .values(removed_at=sa.func.now(), number_cipher=b"")
            .returning(_b.id)
        )
        return (await self.session.execute(statement)).one_or_none() is not None

    async def add_transfer(self, transfer: Transfer) -> None:
        values = {name: getattr(transfer, name) for name in Transfer.__slots__}
        await self.session.execute(sa.insert(transfers).values(values))

    async def transfer(self, user_id: UUID, transfer_id: UUID) -> Transfer | None:
        query = sa.select(transfers).where(_t.id == transfer_id, _t.user_id == user_id)
        row = (await self.session.execute(query)).one_or_none()
        return None if row is None else _transfer(row)

    async def transfers(self, user_id: UUID, before: UUID | None, limit: int) -> list[Transfer]:
        query = sa.select(transfers).where(_t.user_id == user_id).order_by(_t.id.desc()).limit(limit)
        if before is not None:
            query = query.where(_t.id < before)
        return [_transfer(row) for row in await self.session.execute(query)]

    async def save_transfer_state(self, transfer_id: UUID, state: TransferState) -> None:
        statement = sa.update(transfers).where(_t.id == transfer_id).values(state=state, updated_at=sa.func.now())
        await self.session.execute(statement)

    async def transferred(self, user_id: UUID, direction: Direction, day: date) -> Decimal:
        # Two transfers of one user through two accounts take turns, so that both together keep the limit.
        await self.session.execute(
            sa.text("SELECT pg_advisory_xact_lock(hashtextextended(:key, 0))"), {"key": f"transfers|{user_id}"}
        )
        query = sa.select(sa.func.coalesce(sa.func.sum(_t.amount), 0)).where(
            _t.user_id == user_id, _t.direction == direction, _t.day == day, _t.state == TransferState.COMPLETED
        )
        return Decimal((await self.session.execute(query)).scalar_one())


def _transfer(row: "sa.Row[*tuple[Any, ...]]") -> Transfer:
    values = {name: getattr(row, name) for name in Transfer.__slots__}
    return Transfer(**values | {"direction": Direction(row.direction), "state": TransferState(row.state)})
