"""Money after a restore: the journal folds to the same balances, and still nobody can change it."""

from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError

from breezeway.cli import backup
from breezeway.db.engine import create_engine
from breezeway.embedded.postgres import EmbeddedPostgres
from breezeway.ids import new_id
from trading_service.adapters.db.work import PostgresWork
from trading_service.domain import ledger
from trading_service.domain.ledger import Entry, EntryKind


async def test_a_restored_ledger_folds_to_the_same_balances(
    fresh_database: Callable[[], Any], postgres: EmbeddedPostgres, tmp_path: Path
) -> None:
    """A fill, a resting order and a deposit go through `breezeway backup` and `restore` into another database."""
    service = await fresh_database()
    account = await service.open("50000.00")
    await service.order(account, quantity=10, price="101")
    await service.order(account, quantity=5, price="90")
    service.tick("100")
    await service.settle_in()
    await service.check(account)
    before = await service.balances(account)
    assert before["cash"] < Decimal(50_000)
    journal = sa.text("SELECT md5(string_agg(l::text, '|' ORDER BY l.entry_id, l.name)), count(*) FROM journal_legs l")
    async with service.engine.connect() as connection:
        written = tuple((await connection.execute(journal)).one())

    source = service.engine.url.render_as_string(hide_password=False).replace("+asyncpg", "")
    name = f"restored_{new_id().hex}"
    postgres.create_database(name)
    file = tmp_path / "b.tar"
    backup.write(file, ["trading"], lambda _: source, str, secrets=None, passphrase="")
    backup.restore(file, backup.read_manifest(file), lambda _: postgres.url(name), str, force=True)

    engine = create_engine(postgres.url(name), application="tests")
    back = replace(service, engine=engine)
    await back.check(account)
    assert await back.balances(account) == before
    async with engine.connect() as connection:
        assert tuple((await connection.execute(journal)).one()) == written
    with pytest.raises(DBAPIError, match="append-only"):
        async with engine.begin() as connection:
            await connection.execute(sa.text("UPDATE journal_legs SET amount = amount + 1"))
    async with PostgresWork(engine) as work:
        deposit = {ledger.CASH: Decimal("7.00"), ledger.CAPITAL: Decimal("-7.00")}
        await work.book(account.id, Entry(EntryKind.DEPOSIT, deposit))
        await work.commit()
    assert (await back.balances(account))["cash"] == before["cash"] + Decimal("7.00")
    await back.check(account)
    await engine.dispose()
    await service.engine.dispose()
