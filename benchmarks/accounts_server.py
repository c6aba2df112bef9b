"""The auth service with a watch on its event loop: `GET /_lag` tells, and forgets, how late the loop was (seconds)."""

import asyncio
import sys

import uvicorn
import uvloop

from auth_service.main import create_app
from breezeway import cancellation

_EVERY = 0.002


async def serve(port: int) -> None:
    """Until a signal comes. Settings come from the environment."""
    app = create_app()
    lags: list[float] = []

    @app.get("/_lag", include_in_schema=False)
    async def lag() -> list[float]:
        told = lags[:]
        lags.clear()
        return told

    async def watch() -> None:
        loop = asyncio.get_running_loop()
        while True:
            due = loop.time() + _EVERY
            await asyncio.sleep(_EVERY)
            lags.append(max(0.0, loop.time() - due))

    watching = asyncio.create_task(watch())
    config = uvicorn.Config(app, host="127.0.0.1", port=port, log_level="warning", access_log=False, http="httptools")
    try:
        await uvicorn.Server(config).serve()
    finally:
        await cancellation.end([watching])


if __name__ == "__main__":
    uvloop.run(serve(int(sys.argv[1])))
