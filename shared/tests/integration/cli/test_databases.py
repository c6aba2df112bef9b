"""The services' databases on the operator's own PostgreSQL."""

import pytest

from breezeway.cli.databases import create
from breezeway.embedded.postgres import EmbeddedPostgres
from breezeway.ids import new_id


def names(postgres: EmbeddedPostgres, base: str) -> list[str]:
    like = f"SELECT datname FROM pg_database WHERE datname LIKE '{base}%' ORDER BY 1"  # noqa: S608 - made above
    return postgres.query(like).splitlines()


async def test_missing_ones_are_made_and_the_rest_is_left_alone(postgres: EmbeddedPostgres) -> None:
    base = f"op_{new_id().hex}"
    postgres.create_database(f"{base}_auth")
    postgres.query("CREATE TABLE kept (id int)", database=f"{base}_auth")
    for _ in range(2):
        await create(postgres.url(base), ["auth", "market-data"])
    assert names(postgres, base) == [f"{base}_auth", f"{base}_market_data"]
    assert postgres.query("SELECT count(*) FROM kept", database=f"{base}_auth") == "0"


async def test_an_account_that_may_not_is_told_what_to_run(postgres: EmbeddedPostgres) -> None:
    base = f"op_{new_id().hex}"
    role = f"r_{new_id().hex}"
    postgres.create_database(base)
    postgres.query(f"CREATE ROLE {role} LOGIN PASSWORD 'secret'")
    with pytest.raises(SystemExit, match=f'CREATE DATABASE "{base}_auth";'):
        await create(f"postgresql://{role}:secret@127.0.0.1:{postgres.port}/{base}", ["auth"])
