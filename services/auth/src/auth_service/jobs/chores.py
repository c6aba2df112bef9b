"""Chores that every process does by the clock; row locks keep processes apart, and a second run finds nothing left."""

import asyncio
import random
from collections.abc import Awaitable, Callable

import structlog

from breezeway import cancellation
from breezeway.errors import BreezewayError

_log = structlog.get_logger()

Chore = Callable[[], Awaitable[int]]
"""Does one batch of work and returns how much there was; 0 when nothing is left."""


async def repeat_for_ever(name: str, chore: Chore, every: float) -> None:
    """Do `chore` until nothing is left, then again after `every` seconds, until cancelled."""
    while True:
        cancellation.heed()
        try:
            if done := await chore():
                _log.info("chore_done", chore=name, count=done)
                continue
        except BreezewayError as error:
            # Nothing depends on being on time: readers compute what has expired themselves.
            _log.warning("chore_delayed", chore=name, code=error.code)
        except Exception as error:  # noqa: BLE001 - a supervisor: one bad row must not end the chore for good
            _log.error("chore_failed", chore=name, exc_info=error)
        await asyncio.sleep(every * random.uniform(0.8, 1.2))  # noqa: S311 - jitter, not a secret
