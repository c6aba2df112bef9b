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

from sqlalchemy.ext.asyncio import AsyncEngine

from breezeway.breeze.endpoints import BreezeEndpoints
from breezeway.breeze.sdk import load_sdk
from breezeway.breeze.transport import BreezeTransport, TransportRules
from breezeway.clock import SystemClock
from breezeway.contracts.broker import BrokerCredentials, BrokerEnvironment
from breezeway.contracts.instruments import Instrument
from breezeway.db.engine import create_engine
from breezeway.exchange.orders import Amendment, OrderState, OrderType, Product, Side
from breezeway.market_calendar.calendar import MarketCalendar
from breezeway.redis.sliding_window import Verdict
from trading_service.adapters.breeze.orders import BreezeDesk
from trading_service.adapters.db.live import PostgresLive
from trading_service.application.desk import Desk, DeskRules
from trading_service.application.live_placing import LiveRules, LiveTrading
from trading_service.application.live_recording import LiveRecorder
from trading_service.application.live_routing import LiveRouter, RoutingRules
from trading_service.application.ports import LastPrice
from trading_service.application.reconciling import Reconciler, ReconcilingRules
from trading_service.application.recording import Recorder
from trading_service.application.requests import OrderRequest
from trading_service.application.risk import Risk

SETTLED_SECONDS = 240.0


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


class Ancestor:
    """What lives inherit: an SDK that was read and statements that were compiled, but no connection and no thread.

    A life is a process of its own all the same; it costs a fraction of what it would cost without.
    """

    def __init__(self) -> None:
        self._engines: dict[str, AsyncEngine] = {}
        self._transports: dict[str, BreezeTransport] = {}

    def engine(self, job: Mapping[str, Any]) -> AsyncEngine:
        return self._engines[job["database_url"]]

    def transport(self, job: Mapping[str, Any]) -> BreezeTransport:
        return self._transports[job["simulator_url"]]

    def prepare(self, job: Mapping[str, Any]) -> None:
        """Make what the lives of such a job inherit, by doing once what they do."""
        database, simulator = job["database_url"], job["simulator_url"]
        if database in self._engines and simulator in self._transports:
            return
        self._engines[database] = create_engine(database, application="dying-trader", pool_size=5)
        self._transports[simulator] = _transport(simulator)
        asyncio.run(live({**job, "step": "none", "delay": 0}, self))
        # That one has been closed, with its threads.
        self._transports[simulator] = _transport(simulator)


def _transport(url: str) -> BreezeTransport:
    endpoints = BreezeEndpoints.single_origin(url)
    made = BreezeTransport(endpoints, TransportRules(read_timeout=10))
    # Not through `sdk()`, which would start a thread: threads do not survive a fork.
    made._sdk = load_sdk(endpoints, made)
    return made


class Fate:
    """Ends the process when the job's `nth` order comes to its step; before it is `armed`, nothing does."""

    def __init__(self, job: Mapping[str, Any]) -> None:
        self._job = job
        self._left = job.get("nth", 1)
        self.armed = False

    def __call__(self, name: str) -> None:
        if not self.armed or name != self._job.get("step"):
            return
        self._left -= 1
        if self._left:
            return
        if self._job["delay"]:
            threading.Timer(self._job["delay"], _die).start()
        else:
            _die()


async def live(job: Mapping[str, Any], ancestor: Ancestor) -> None:
    """Trade until the job's step, or recover what others have left until nothing is open any more."""
    world, fate = World(job), Fate(job)
    engine, transport = ancestor.engine(job), ancestor.transport(job)

    def work() -> PostgresLive:
        return PostgresLive(engine)

    calendar, wall = MarketCalendar.default(), SystemClock()
    desk = Desk(world, world, world, calendar, Risk(), DeskRules(requests_per_second=1000))
    recorder = LiveRecorder(Recorder(work, calendar, Risk(), lambda _symbol: None), world)
    broker = BreezeDesk({BrokerEnvironment.SIMULATOR: transport}, world, world, world, world)
    # However slow the machine is: an order that has expired does not come to its step.
    router = LiveRouter(work, recorder, broker, wall, RoutingRules(oldest=timedelta(hours=1)), step=fate)
    if "step" in job:
        await _trade(job, LiveTrading(work, desk, world, wall, LiveRules(), fate), router, fate)
    else:
        rules = ReconcilingRules(given_up=timedelta(seconds=1), pause=timedelta(seconds=0.1))
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


async def _trade(job: Mapping[str, Any], trading: LiveTrading, router: LiveRouter, fate: Fate) -> None:
    """Do `orders` times what the job's `wish` says, in the middle of which the process dies: `place`, or `modify` or
    `cancel` of orders that work already."""
    user, wish = UUID(job["user"]), job["wish"]
    request = OrderRequest(
        account_id=UUID(job["account"]),
        symbol=job["instrument"]["symbol"],
        side=Side.BUY,
        quantity=1,
        order_type=OrderType.LIMIT,
        product=Product.CNC,
        price=Decimal(job["price"]),
    )
    fate.armed = wish == "place"
    placed = [(await trading.place(user, request, None)).id for _ in range(job["orders"])]
    if wish != "place":
        await router.begin()
        await router.drain()
        fate.armed = True
    for order in placed if wish != "place" else ():
        stored = await trading.find(user, order)
        if stored is None or stored.state is not OrderState.OPEN:
            raise RuntimeError(f"an order whose wish is {wish} does not work")
        if wish == "modify":
            await trading.modify(user, stored, Amendment(price=Decimal(job["other_price"])))
        else:
            await trading.cancel(user, stored)
    await router.begin()
    await router.drain()


async def _open(work: Any) -> bool:
    async with work() as transaction:
        return bool(await transaction.waiting_commands(1) or await transaction.unsettled_commands())


def main() -> None:
    """Serve jobs until the input ends."""
    ancestor = Ancestor()
    for line in sys.stdin:
        job = json.loads(line)
        ancestor.prepare(job)
        child = os.fork()
        if child == 0:
            asyncio.run(live(job, ancestor))
            sys.stdout.flush()
            os._exit(0)
        _, status = os.waitpid(child, 0)
        sys.stdout.write(json.dumps({"status": os.waitstatus_to_exitcode(status)}) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
