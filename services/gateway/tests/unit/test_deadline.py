"""The one deadline of a connection, on an event loop that was held up."""

import asyncio
from types import SimpleNamespace
from typing import Any, cast

import pytest

from gateway_service.api.ws import _end_with
from gateway_service.application.connection import Disconnect
from gateway_service.domain.close_codes import CloseCode

SERVICE = cast(Any, SimpleNamespace(now=lambda: 1_000.0, limits=SimpleNamespace(expiry_leeway_seconds=5)))
PRINCIPAL = cast(Any, SimpleNamespace(expires_at=1_900.0))


async def test_credentials_move_it_to_their_own_end() -> None:
    async with asyncio.timeout(60) as limit:
        await asyncio.sleep(0)
        _end_with(PRINCIPAL, SERVICE, limit)
        moved = limit.when()
    assert moved is not None
    assert moved - asyncio.get_running_loop().time() == pytest.approx(905, abs=60)


async def test_credentials_that_are_read_after_it_has_struck_come_too_late() -> None:
    limit = asyncio.timeout(0)

    async def strike() -> None:
        async with limit:
            await asyncio.Event().wait()

    with pytest.raises(TimeoutError):
        await strike()
    with pytest.raises(Disconnect) as ended:
        _end_with(PRINCIPAL, SERVICE, limit)
    assert (ended.value.code, ended.value.reason) == (CloseCode.UNAUTHENTICATED, "authentication_expired")
