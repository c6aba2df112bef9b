"""The feed's way as real processes, apart from the whole stack: these tests stop and kill owners."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest_asyncio

from breezeway.embedded.postgres import EmbeddedPostgres
from breezeway.embedded.valkey import EmbeddedValkey
from breezeway.testing.feed_stack import FeedStack, run_feed_stack


@pytest_asyncio.fixture
async def feeds(postgres: EmbeddedPostgres, valkey: EmbeddedValkey, tmp_path: Path) -> AsyncIterator[FeedStack]:
    """Simulator, neighbours and gateway; the test starts the owners."""
    async with run_feed_stack(postgres, valkey, tmp_path) as stack:
        yield stack
