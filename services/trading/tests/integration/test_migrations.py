"""The migrations build exactly what the code believes, and can be taken back."""

import asyncio
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from alembic import command
from alembic.config import Config
from sqlalchemy.ext.asyncio import AsyncEngine

from breezeway.db import migrate
from trading_service.application.ports import OrderFilter

SERVICE_FOLDER = Path(__file__).resolve().parents[2]


@pytest.fixture
def trading_url(database_url: str) -> str:
    migrate.upgrade(SERVICE_FOLDER, database_url)
    return database_url


def test_tables_and_migrations_agree(trading_url: str) -> None:
    config = Config(SERVICE_FOLDER / "alembic.ini")
    config.attributes["database_url"] = trading_url
    command.check(config)


def test_down_and_up_again(trading_url: str) -> None:
    config = Config(SERVICE_FOLDER / "alembic.ini")
    config.attributes["database_url"] = trading_url
    command.downgrade(config, "base")
    migrate.upgrade(SERVICE_FOLDER, trading_url)
    command.check(config)


async def test_h_14_newer_tables_go_and_come_back_while_the_service_serves(service: Any) -> None:
    """The two newest migrations, undone and made again under readers: nobody meets an error, and no row is another."""
    url = service.engine.url.render_as_string(hide_password=False).replace("+asyncpg", "")
    account = await service.open()
    service.tick("100")
    for price in ("99", "101"):
        await service.order(account, quantity=10, price=price)
    service.tick("100")
    await service.settle_in()
    before = await hashes(service.engine)
    config = Config(SERVICE_FOLDER / "alembic.ini")
    config.attributes["database_url"] = url
    over = asyncio.Event()

    async def read() -> int:
        times = 0
        while not over.is_set():
            orders, _ = await service.read.orders(account.user_id, OrderFilter(account_id=account.id), None, 10)
            status = await service.accounts.one(account.user_id, account.id)
            assert (len(orders), status.account.id) == (2, account.id)
            times += 1
        return times

    readers = [asyncio.create_task(read()) for _ in range(3)]
    for _ in range(3):
        await asyncio.to_thread(command.downgrade, config, "-2")
        assert len(await hashes(service.engine)) == len(before) - 2
        await asyncio.to_thread(command.upgrade, config, "head")
    over.set()
    assert min(await asyncio.gather(*readers)) > 0
    assert await hashes(service.engine) == before
    await service.check(account)


async def hashes(engine: AsyncEngine) -> dict[str, str]:
    """Of the rows of each table."""
    async with engine.connect() as connection:
        names = await connection.run_sync(lambda sync: sa.inspect(sync).get_table_names())
        rows = "SELECT coalesce(md5(string_agg(t::text, ';' ORDER BY t::text)), '') FROM \"{}\" AS t"
        return {
            name: str((await connection.execute(sa.text(rows.format(name)))).scalar_one())
            for name in names
            if name != "alembic_version"
        }
