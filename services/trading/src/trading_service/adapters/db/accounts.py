"""Accounts and their ledger."""

from collections.abc import Collection, Mapping
from datetime import date, datetime
from decimal import Decimal
from typing import Any, Final
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import ARRAY, insert
from sqlalchemy.exc import IntegrityError

from breezeway.db.unit_of_work import UnitOfWork
from breezeway.errors import Conflict
from breezeway.exchange.checks import AccountState
from trading_service.adapters.db.many import any_of
from trading_service.adapters.db.tables import GTT_WAITING, accounts, balances, entries, legs, live_gtts, orders
from trading_service.application.ports import JournalLine
from trading_service.domain.accounts import AccountKind, TradingAccount
from trading_service.domain.ledger import CHARGES, Entry

_a = accounts.c


_LOCK_ALL: Final = (
    sa.select(accounts)
    .where(_a.id.in_(sa.select(orders.c.account_id).where(orders.c.id == any_of("orders", sa.Uuid()))))
    .order_by(_a.id)
    .with_for_update(of=accounts)
)


def _lock_and_count() -> "sa.sql.dml.ReturningUpdate[Any]":
    asked = sa.func.unnest(
        sa.bindparam("ids", type_=ARRAY(sa.Uuid())),
        sa.bindparam("users", type_=ARRAY(sa.Uuid())),
        sa.bindparam("counts", type_=ARRAY(sa.Integer())),
    ).table_valued(sa.column("id", sa.Uuid), sa.column("user_id", sa.Uuid), sa.column("requests", sa.Integer))
    asked = asked.render_derived(name="asked")
    # First all of them in one order: an UPDATE locks in whatever order it finds the rows, and two of them deadlock.
    locked = (
        sa.select(_a.id, asked.c.requests)
        .join(asked, (asked.c.id == _a.id) & (asked.c.user_id == _a.user_id))
        .order_by(_a.id)
        .with_for_update(of=accounts)
        .cte("locked")
    )
    second = sa.bindparam("second", type_=sa.DateTime(timezone=True))
    used = sa.case((_a.rate_second == second, _a.rate_used), else_=0) + locked.c.requests
    statement = sa.update(accounts).where(_a.id == locked.c.id).values(rate_second=second, rate_used=used)
    return statement.returning(*accounts.c)


_LOCK_AND_COUNT: Final = _lock_and_count()
_BALANCES: Final = sa.select(balances).where(balances.c.account_id == any_of("ids", sa.Uuid()))


class AccountRows(UnitOfWork):
    """Each method runs in the transaction of the unit of work."""

    async def add_account(self, account: TradingAccount) -> None:
        try:
            await self.session.execute(sa.insert(accounts).values(_values(account)))
        except IntegrityError as error:
            if "broker_account_id" in str(error.orig):
                raise Conflict(
                    "This broker account has a live account already.", code="broker_account_in_use"
                ) from error
            raise Conflict(f"There is an account called {account.name} already.", code="account_name_taken") from error

    async def lock_account(self, account_id: UUID) -> TradingAccount | None:
        query = sa.select(accounts).where(_a.id == account_id).with_for_update()
        return _account((await self.session.execute(query)).one_or_none())

    async def account(self, user_id: UUID, account_id: UUID) -> TradingAccount | None:
        query = sa.select(accounts).where(_a.id == account_id, _a.user_id == user_id, _a.closed_at.is_(None))
        return _account((await self.session.execute(query)).one_or_none())

    async def accounts(self, user_id: UUID) -> list[TradingAccount]:
        query = sa.select(accounts).where(_a.user_id == user_id, _a.closed_at.is_(None)).order_by(_a.id)
        return [account_of(row) for row in await self.session.execute(query)]

    async def keeps_gtts(self, account_id: UUID) -> bool:
        query = sa.select(live_gtts.c.group_id).where(live_gtts.c.account_id == account_id, GTT_WAITING).limit(1)
        return (await self.session.execute(query)).first() is not None

    async def open_accounts(self) -> list[TradingAccount]:
        query = sa.select(accounts).where(_a.closed_at.is_(None)).order_by(_a.id)
        return [account_of(row) for row in await self.session.execute(query)]

    async def save_account(self, account: TradingAccount) -> None:
        try:
            await self.session.execute(sa.update(accounts).where(_a.id == account.id).values(_values(account)))
        except IntegrityError as error:
            raise Conflict(f"There is an account called {account.name} already.", code="account_name_taken") from error

    async def lock_accounts_of(self, orders: Collection[UUID]) -> dict[UUID, TradingAccount]:
        return {row.id: account_of(row) for row in await self.session.execute(_LOCK_ALL, {"orders": list(orders)})}

    async def lock_and_count(
        self, requests: Mapping[tuple[UUID, UUID], int], second: datetime
    ) -> dict[UUID, tuple[TradingAccount, int]]:
        values = {
            "ids": [account_id for account_id, _ in requests],
            "users": [user_id for _, user_id in requests],
            "counts": list(requests.values()),
            "second": second,
        }
        rows = await self.session.execute(_LOCK_AND_COUNT, values)
        return {row.id: (account_of(row), row.rate_used) for row in rows}

    async def balances_of(self, ids: Collection[UUID]) -> dict[UUID, dict[str, Decimal]]:
        found: dict[UUID, dict[str, Decimal]] = {}
        for account_id, name, amount in await self.session.execute(_BALANCES, {"ids": list(ids)}):
            if amount:
                found.setdefault(account_id, {})[name] = amount
        return found

    async def balances(self, account_id: UUID) -> dict[str, Decimal]:
        query = sa.select(balances.c.name, balances.c.amount).where(balances.c.account_id == account_id)
        return {name: amount for name, amount in await self.session.execute(query) if amount}

    async def book(self, account_id: UUID, entry: Entry) -> bool:
        if entry.empty:
            return True
        head = insert(entries).values(
            account_id=account_id, kind=entry.kind, ref=entry.ref, note=entry.note, once=entry.once, day=entry.day
        )
        if entry.once is not None:
            head = head.on_conflict_do_nothing(index_elements=["account_id", "once"])
        number = (await self.session.execute(head.returning(entries.c.id))).scalar_one_or_none()
        if number is None:
            return False
        rows = [
            {"entry_id": number, "account_id": account_id, "name": name, "amount": amount}
            for name, amount in entry.legs.items()
        ]
        await self.session.execute(sa.insert(legs), rows)
        return True

    async def journal(self, account_id: UUID, before: int | None, limit: int) -> list[JournalLine]:
        query = sa.select(entries).where(entries.c.account_id == account_id).order_by(entries.c.id.desc()).limit(limit)
        if before is not None:
            query = query.where(entries.c.id < before)
        heads = (await self.session.execute(query)).all()
        found: dict[int, dict[str, Decimal]] = {row.id: {} for row in heads}
        parts = sa.select(legs.c.entry_id, legs.c.name, legs.c.amount).where(legs.c.entry_id.in_(found))
        for number, name, amount in await self.session.execute(parts):
            found[number][name] = amount
        return [
            JournalLine(row.id, row.kind, row.ref, row.note, row.day, row.created_at, found[row.id]) for row in heads
        ]

    async def charges_of(self, account_id: UUID, day: date) -> dict[str, Decimal]:
        query = (
            sa.select(legs.c.name, sa.func.sum(legs.c.amount))
            .join(entries, entries.c.id == legs.c.entry_id)
            .where(
                entries.c.account_id == account_id,
                entries.c.day == day,
                legs.c.name.in_(CHARGES.values()),
                entries.c.kind != "reset",
                entries.c.id > self._epoch_start(account_id),
            )
            .group_by(legs.c.name)
        )
        return {name: amount for name, amount in await self.session.execute(query)}

    async def unsettled_days(self, account_id: UUID) -> dict[date, Decimal]:
        """What is still to be settled, by the day on which it arose."""
        query = (
            sa.select(entries.c.day, sa.func.sum(legs.c.amount))
            .join(entries, entries.c.id == legs.c.entry_id)
            .where(
                entries.c.account_id == account_id,
                legs.c.name == "unsettled",
                entries.c.id > self._epoch_start(account_id),
                entries.c.day.is_not(None),
            )
            .group_by(entries.c.day)
            .order_by(entries.c.day)
        )
        return {day: amount for day, amount in await self.session.execute(query) if amount}

    async def unsettled_accounts(self) -> set[UUID]:
        query = sa.select(balances.c.account_id).where(balances.c.name == "unsettled", balances.c.amount != 0)
        return set(await self.session.scalars(query))

    @staticmethod
    def _epoch_start(account_id: UUID) -> "sa.ScalarSelect[Any]":
        last_reset = sa.select(sa.func.coalesce(sa.func.max(entries.c.id), 0)).where(
            entries.c.account_id == account_id, entries.c.kind == "reset"
        )
        return last_reset.scalar_subquery()


def _values(account: TradingAccount) -> dict[str, Any]:
    return {name: getattr(account, name) for name in TradingAccount.__slots__}


def _account(row: "sa.Row[*tuple[Any, ...]] | None") -> TradingAccount | None:
    return None if row is None else account_of(row)


def account_of(row: "sa.Row[*tuple[Any, ...]]") -> TradingAccount:
    """The account of a row of the table."""
    values = {name: getattr(row, name) for name in TradingAccount.__slots__}
    return TradingAccount(**values | {"kind": AccountKind(row.kind), "state": AccountState(row.state)})
