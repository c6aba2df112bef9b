"""The migrations make exactly the tables that the code describes, and can be undone."""

import asyncio
from datetime import date
from pathlib import Path

import sqlalchemy as sa
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.runtime.migration import MigrationContext

from breezeway.db import migrate
from breezeway.db.engine import create_engine
from breezeway.intervals import Interval
from market_data_service.adapters.db.candle_blocks import PostgresCandleStore
from market_data_service.adapters.db.tables import metadata

SERVICE = Path(__file__).resolve().parents[2]


def differences(url: str) -> list[object]:
    async def compare() -> list[object]:
        engine = create_engine(url, application="tests", pooled=False)
        try:
            async with engine.connect() as connection:
                return await connection.run_sync(
                    lambda sync: list(
                        compare_metadata(MigrationContext.configure(sync, opts={"compare_type": True}), metadata)
                    )
                )
        finally:
            await engine.dispose()

    return asyncio.run(compare())


def tables(url: str) -> set[str]:
    async def names() -> set[str]:
        engine = create_engine(url, application="tests", pooled=False)
        try:
            async with engine.connect() as connection:
                return set(await connection.run_sync(lambda sync: sa.inspect(sync).get_table_names()))
        finally:
            await engine.dispose()

    return asyncio.run(names())


def test_migrations_and_tables_agree(database_url: str) -> None:
    migrate.upgrade(SERVICE, database_url)
    assert differences(database_url) == []


def test_every_migration_can_be_undone(database_url: str) -> None:
    migrate.upgrade(SERVICE, database_url)
    config = Config(SERVICE / "alembic.ini")
    config.attributes["database_url"] = database_url
    command.downgrade(config, "base")
    assert tables(database_url) == {"alembic_version"}
    migrate.upgrade(SERVICE, database_url)
    assert differences(database_url) == []


_OLD_ROWS = """
INSERT INTO candle_blocks (symbol, interval, day, t, o, h, l, c, v, oi, bars, checksum, source) VALUES
('A', '1m', '2026-11-19', '{33300,33360}', '{1249.95,2}', '{3,4}', '{5,6}', '{7,8.05}', '{9,10}', NULL, 2, 'x', 's'),
('B', '1m', '2026-11-20', '{33300}', '{83.2525}', '{84}', '{83}', '{83.0025}', '{5000000000}', '{7}', 1, 'x', 's'),
('C', '1d', '2026-11-20', '{0}', '{0.333333333333333331}', '{1e9}', '{1e-9}', '{2}', '{1}', '{9000000000}', 1, 'x', 's')
"""


async def run_sql(url: str, sql: str) -> list[tuple[object, ...]]:
    engine = create_engine(url, application="tests", pooled=False)
    try:
        async with engine.begin() as connection:
            result = await connection.execute(sa.text(sql))
            return [tuple(row) for row in result] if result.returns_rows else []
    finally:
        await engine.dispose()


def test_packing_blocks_keeps_every_bar_there_and_back(database_url: str) -> None:
    config = Config(SERVICE / "alembic.ini")
    config.attributes["database_url"] = database_url
    command.upgrade(config, "0003_subscriptions")
    asyncio.run(run_sql(database_url, _OLD_ROWS))
    rows = "SELECT * FROM candle_rows ORDER BY symbol, at"
    before = asyncio.run(run_sql(database_url, rows))
    assert len(before) == 4
    command.upgrade(config, "0004_packed_blocks")
    assert asyncio.run(run_sql(database_url, rows)) == before

    async def read(symbol: str, interval: Interval) -> list[float]:
        engine = create_engine(database_url, application="tests", pooled=False)
        try:
            bars = await PostgresCandleStore(engine).read(symbol, interval, date(2026, 11, 1), date(2026, 11, 30))
            return [*bars.o.tolist(), *bars.c.tolist()]
        finally:
            await engine.dispose()

    assert asyncio.run(read("A", Interval.MINUTE_1)) == [1249.95, 2.0, 7.0, 8.05]
    assert asyncio.run(read("B", Interval.MINUTE_1)) == [83.2525, 83.0025]
    assert asyncio.run(read("C", Interval.DAY_1)) == [0.333333333333333331, 2.0]
    command.downgrade(config, "0003_subscriptions")
    assert asyncio.run(run_sql(database_url, rows)) == before
