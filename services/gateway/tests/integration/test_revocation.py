"""A-05 at the gateway: a revocation closes the stream although its pub/sub message was missed."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
import websockets
from redis.asyncio import Redis

from breezeway.contracts.auth import CredentialsRevoked
from breezeway.embedded.valkey import EmbeddedValkey
from breezeway.ids import new_id
from breezeway.redis import keys
from breezeway.testing.feed_stack import FeedStack, run_gateway
from breezeway.testing.stream_client import StreamClient


@pytest_asyncio.fixture(scope="module")
async def gateway(valkey: EmbeddedValkey, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[FeedStack]:
    async with run_gateway(valkey, Path(tmp_path_factory.mktemp("gateway"))) as stack:
        yield stack


async def test_a05_the_record_alone_closes_the_stream_and_refuses_the_token(gateway: FeedStack, redis: Redis) -> None:
    user = new_id()
    token = gateway.neighbours.access_token(user_id=user, sid="ended")
    async with StreamClient.connect(gateway.stream_url, token) as gone:
        record = CredentialsRevoked(user_id=user, session_id="ended").model_dump_json()
        await redis.xadd(keys.revocations(), {"body": record})
        with pytest.raises(websockets.ConnectionClosed) as closed:
            await gone.next("never", seconds=60)
    assert closed.value.rcvd is not None
    assert (closed.value.rcvd.code, closed.value.rcvd.reason) == (4401, "credentials_revoked")
    with pytest.raises(websockets.ConnectionClosed) as refused:
        async with StreamClient.connect(gateway.stream_url, token) as again:
            await again.next("never", seconds=60)
    assert refused.value.rcvd is not None
    assert (refused.value.rcvd.code, refused.value.rcvd.reason) == (4401, "token_revoked")
