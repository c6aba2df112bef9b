"""The feed's way as real processes, apart from the whole stack: these tests stop and kill owners."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from breezeway.embedded.postgres import EmbeddedPostgres
from breezeway.embedded.valkey import EmbeddedValkey
from breezeway.testing.feed_stack import FeedStack, run_feed_stack


@pytest_asyncio.fixture
async def feeds(
    request: pytest.FixtureRequest, postgres: EmbeddedPostgres, valkey: EmbeddedValkey, tmp_path: Path
) -> AsyncIterator[FeedStack]:
    """Simulator, neighbours and gateway; the test starts the owners."""
    # The soak tests measure with the lease as it is shipped. The others run beside much else, where an owner may stand
    # still for seconds, and are not about owners that do.
    lease = "2" if request.node.get_closest_marker("soak") else "8"
    async with run_feed_stack(postgres, valkey, tmp_path, FEED_LEASE_SECONDS=lease) as stack:
        yield stack
