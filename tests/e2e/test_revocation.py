"""A-05 over the whole stack: what ends a sign-in ends it on every service and closes its stream."""

import asyncio
import time

import pytest
import websockets

from breezeway.testing.api_user import ApiUser
from breezeway.testing.eventually import eventually
from breezeway.testing.stack_process import StackProcess
from breezeway.testing.stream_client import StreamClient

pytestmark = pytest.mark.e2e

ROUTES = {
    "auth": "/api/v1/users/me",
    "instruments": "/api/v1/instruments/search?q=RELIANCE",
    "market-data": "/api/v1/watchlists",
    "trading": "/api/v1/trading/accounts",
    "notifications": "/api/v1/notifications",
}


@pytest.mark.parametrize("way", ["logout", "logout-all", "session"])
async def test_a05_every_service_refuses_and_the_stream_closes(stack: StackProcess, user: ApiUser, way: str) -> None:
    statuses = {name: (await user.http.get(path)).status_code for name, path in ROUTES.items()}
    assert 401 not in statuses.values(), statuses
    async with StreamClient.connect(stack.url.replace("http", "ws", 1) + "/ws/v1/stream", user.token) as stream:
        if way == "logout":
            answer = await user.http.post("/api/v1/auth/logout", json={"refresh_token": user.refresh_token})
        elif way == "logout-all":
            answer = await user.http.post("/api/v1/auth/logout-all")
        else:
            sessions = (await user.http.get("/api/v1/auth/sessions")).json()["items"]
            answer = await user.http.delete(f"/api/v1/auth/sessions/{sessions[0]['id']}")
        assert answer.status_code == 204, answer.text
        ended = time.monotonic()

        async def refused_everywhere() -> bool:
            answers = await asyncio.gather(*(user.http.get(path) for path in ROUTES.values()))
            return all(a.status_code == 401 and a.json()["code"] == "token_revoked" for a in answers)

        await eventually(refused_everywhere, 10)
        with pytest.raises(websockets.ConnectionClosed) as closed:
            await stream.next("never", seconds=10)
        assert closed.value.rcvd is not None
        assert closed.value.rcvd.code == 4401
        print(f"{way}: refused everywhere and closed after {time.monotonic() - ended:.3f} s")
