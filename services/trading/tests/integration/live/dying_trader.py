"""A trading process that dies where it is told: a real one, killed by SIGKILL, against the simulator and a database.

Reads one job a line from its standard input, forks a process for each (everything is imported once, so that a life
costs a fraction of a second), and answers with a line when that has died or ended. It has neither loop nor threads.
"""

import asyncio
import json
import os
import signal
import sys
import threading
from collections.abc import Collection, Mapping
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

from breezeway.breeze.endpoints import BreezeEndpoints
from breezeway.breeze.transport import BreezeTransport, TransportRules
from breezeway.clock import SystemClock
from breezeway.contracts.broker import BrokerCredentials, BrokerEnvironment
from breezeway.contracts.instruments import Instrument
from breezeway.db.engine import create_engine
from breezeway.exchange.orders import OrderType, Product, Side
from breezeway.market_calendar.calendar import MarketCalendar
from breezeway.redis.sliding_window import Verdict
from trading_service.adapters.breeze.orders import BreezeDesk
from trading_service.adapters.db.live import PostgresLive
from trading_service.application.desk import Desk, DeskRules
from trading_service.application.live_placing import LiveRules, LiveTrading
from trading_service.application.live_recording import LiveRecorder
from trading_service.application.live_routing import LiveRouter
from trading_service.application.ports import LastPrice
from trading_service.application.reconciling import Reconciler, ReconcilingRules
from trading_service.application.recording import Recorder
from trading_service.application.requests import OrderRequest
from trading_service.application.risk import Risk

SETTLED_SECONDS = 60.0


class World:
    """Auth, instruments, prices, clock and limits, as much of them as a trader needs."""

    def __init__(self, job: Mapping[str, Any]) -> None:
        self._job = job
        self._ahead = datetime.fromisoformat(job["exchange_now"]) - datetime.fromisoformat(job["wall_now"])
        self._instrument = Instrument.model_validate(job["instrument"])

    async def credentials(self, account_id: UUID) -> BrokerCredentials:
        return BrokerCredentials.model_validate({**self._job["credentials"], "account_id": account_id})

    async def report_refused(self, credentials: BrokerCredentials, detail: str) -> None:
        raise RuntimeError(detail)

    async def resolve(self, symbol: str) -> Instrument:
        return self._instrument

    async def now(self) -> datetime:
        return datetime.now(UTC) + self._ahead

    async def last(self, user_id: UUID, symbols: Collection[str]) -> Mapping[str, LastPrice]:
        return {symbol: LastPrice(Decimal(self._job["price"]), await self.now()) for symbol in symbols}

    async def await_fresh(self, user_id: UUID, symbol: str, since: datetime) -> LastPrice | None:
        return None

    async def ring(self) -> None:
        return None

    async def acquire(self, account_id: str, cost: int = 1, wait: float = 0) -> None:
        return None

    async def cool_down(self, account_id: str, code: str) -> float:
        return 0.0

    async def hit(self, who: str) -> Verdict:
        return Verdict("", allowed=True, left=1, retry_after=0)


def _die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


async def live(job: Mapping[str, Any]) -> None:
    """Trade until the job's step, or recover what others have left until nothing is open any more."""
    world = World(job)

    def step(name: str) -> None:
        if name != job.get("step"):
            return
        if job["delay"]:
            threading.Timer(job["delay"], _die).start()
        else:
            _die()

    engine = create_engine(job["database_url"], application="dying-trader", pool_size=5)
    transport = BreezeTransport(BreezeEndpoints.single_origin(job["simulator_url"]), TransportRules(read_timeout=10))

    def work() -> PostgresLive:
        return PostgresLive(engine)

    calendar, wall = MarketCalendar.default(), SystemClock()
    desk = Desk(world, world, world, calendar, Risk(), DeskRules(requests_per_second=1000))
    recorder = LiveRecorder(Recorder(work, calendar, Risk(), lambda _symbol: None), world)
    broker = BreezeDesk({BrokerEnvironment.SIMULATOR: transport}, world, world, world, world)
    router = LiveRouter(work, recorder, broker, wall, step=step)
    if "step" in job:
        trading = LiveTrading(work, desk, world, wall, LiveRules(), step)
        request = OrderRequest(
            account_id=UUID(job["account"]),
            symbol=job["instrument"]["symbol"],
            side=Side.BUY,
            quantity=1,
            order_type=OrderType.LIMIT,
            product=Product.CNC,
            price=Decimal(job["price"]),
        )
        await trading.place(UUID(job["user"]), request, None)
        await router.begin()
        await router.drain()
    else:
        rules = ReconcilingRules(given_up=timedelta(seconds=1), pause=timedelta(seconds=0.2))
        reconciler = Reconciler(work, recorder, broker, wall, router.in_flight, rules)
        await reconciler.recover()
        async with asyncio.timeout(SETTLED_SECONDS):
            while await _open(work):
                await router.begin()
                await router.drain()
                await reconciler.run_once()
                await asyncio.sleep(0.05)
    await transport.aclose()
    await engine.dispose()


async def _open(work: Any) -> bool:
    async with work() as transaction:
        return bool(await transaction.waiting_commands(1) or await transaction.unsettled_commands())


def main() -> None:
    """Serve jobs until the input ends."""
    for line in sys.stdin:
        child = os.fork()
        if child == 0:
            asyncio.run(live(json.loads(line)))
            sys.stdout.flush()
            os._exit(0)
        _, status = os.waitpid(child, 0)
        sys.stdout.write(json.dumps({"status": os.waitstatus_to_exitcode(status)}) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
