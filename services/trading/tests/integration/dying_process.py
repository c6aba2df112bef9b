"""A trading process that dies where it is told: a real one, killed by SIGKILL, on a real database.

Reads one job a line from its standard input, forks a process for each (everything is imported once), and answers with
a line when that has died or ended. It has neither loop nor threads.
"""

import asyncio
import importlib.util
import json
import os
import signal
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any
from uuid import UUID


def harness() -> Any:
    """The tests' own way to build the service."""
    spec = importlib.util.spec_from_file_location("harness", Path(__file__).with_name("conftest.py"))
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["harness"] = module
    spec.loader.exec_module(module)
    return module


async def live(module: Any, job: Mapping[str, Any]) -> None:
    """Place an order, or match one, and die at the step that the job names."""
    engine = module.create_engine(job["database_url"], application="dying")
    service = module.build_service(engine, module.Market(), module.DeskRules(requests_per_second=100_000))
    account = await _account(service, UUID(job["user"]), UUID(job["account"]))
    service.market.prices = {module.A: module.LastPrice(module.Decimal(100), module.NOON)}
    if job["act"] == "place":
        service.place._reception._work = dying(service.work, job["step"])
        await service.order(account, quantity=10, price="99", client_order_id=job["name"], key=job["name"])
        return
    await service.matcher.begin()
    service.matcher._recorder._work = dying(service.work, job["step"])
    for price in ("100", "98"):
        service.tick(price)
    await service.settle_in()


async def _account(service: Any, user: UUID, account_id: UUID) -> Any:
    async with service.work() as work:
        return await work.account(user, account_id)


def dying(whole: Callable[[], Any], step: str) -> Callable[[], Any]:
    """Transactions that end the process before a statement, or after it when the step says `after `."""
    name = step.removeprefix("after ")

    def made() -> Any:
        work = whole()
        statement = getattr(work, name)

        async def last(*args: Any, **more: Any) -> None:
            if name != step:
                await statement(*args, **more)
            os.kill(os.getpid(), signal.SIGKILL)

        setattr(work, name, last)
        return work

    return made


def main() -> None:
    """Serve jobs until the input ends."""
    module = harness()
    for line in sys.stdin:
        child = os.fork()
        if child == 0:
            asyncio.run(live(module, json.loads(line)))
            os._exit(0)
        _, status = os.waitpid(child, 0)
        sys.stdout.write(json.dumps({"status": os.waitstatus_to_exitcode(status)}) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
