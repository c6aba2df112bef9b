"""Chores go on, whatever one run of them meets."""

import asyncio
import contextlib
from collections.abc import Callable

import pytest

from auth_service.jobs.chores import repeat_for_ever
from breezeway.errors import UpstreamUnavailable
from breezeway.testing.eventually import eventually


@pytest.mark.parametrize("failure", [UpstreamUnavailable("away", code="database_unavailable"), ValueError("a bad row")])
async def test_a_failing_run_does_not_end_the_chore(failure: Exception) -> None:
    runs = 0

    async def chore() -> int:
        nonlocal runs
        runs += 1
        if runs == 1:
            raise failure
        return 0

    await until(chore_runs := asyncio.create_task(repeat_for_ever("test", chore, 0.01)), lambda: runs >= 3)
    assert chore_runs.cancelled()


async def test_batches_follow_at_once_until_nothing_is_left() -> None:
    left = [3, 2, 1, 0]
    asked: list[int] = []

    async def chore() -> int:
        asked.append(left.pop(0))
        return asked[-1]

    task = asyncio.create_task(repeat_for_ever("test", chore, 3_600))
    await until(task, lambda: asked == [3, 2, 1, 0])


async def until(task: "asyncio.Task[None]", reached: Callable[[], bool]) -> None:
    await eventually(reached)
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task
