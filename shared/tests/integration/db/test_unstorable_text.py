"""What JSON can carry and PostgreSQL cannot."""

import pytest
from sqlalchemy import text

from breezeway.db.engine import create_engine
from breezeway.db.unit_of_work import UnitOfWork
from breezeway.embedded.postgres import EmbeddedPostgres
from breezeway.errors import InvalidInput


async def test_a_nul_in_text_is_the_senders_fault(postgres: EmbeddedPostgres) -> None:
    engine = create_engine(postgres.url("postgres"), application="test", pooled=False)
    with pytest.raises(InvalidInput) as refused:
        async with UnitOfWork(engine) as work:
            await work.session.execute(text("SELECT CAST(:given AS text)"), {"given": "a\x00b"})
    await engine.dispose()
    assert refused.value.code == "unstorable_text"
