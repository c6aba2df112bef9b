"""L-04: PostgreSQL ends in the middle of a commit, before and after it has become true, and nobody hears which.

The server is held inside the COMMIT: before it is written by a deferred trigger that sleeps, after it is written by a
standby that is waited for and does not exist. Then it is stopped at once or killed, and started again.
"""

import asyncio
import os
import signal
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx
import pytest
import pytest_asyncio
from fastapi import FastAPI

from breezeway.db import migrate
from breezeway.embedded.postgres import EmbeddedPostgres
from breezeway.errors import UpstreamUnavailable
from breezeway.exchange.orders import OrderState
from breezeway.http.app import Check, create_service
from breezeway.security.tokens import Principal
from breezeway.testing.eventually import eventually
from trading_service.api import orders

pytestmark = pytest.mark.timeout(300)

DATABASE = "trading"
SERVICE = Path(__file__).resolve().parents[2]
ORDERS = "/api/v1/trading/orders"
SLOW = """
CREATE FUNCTION sleep_at_commit() RETURNS trigger LANGUAGE plpgsql AS
  'BEGIN PERFORM pg_sleep(300); RETURN NULL; END';
CREATE CONSTRAINT TRIGGER slow_order AFTER INSERT ON orders DEFERRABLE INITIALLY DEFERRED
  FOR EACH ROW EXECUTE FUNCTION sleep_at_commit();
CREATE CONSTRAINT TRIGGER slow_trade AFTER INSERT ON trades DEFERRABLE INITIALLY DEFERRED
  FOR EACH ROW EXECUTE FUNCTION sleep_at_commit();
"""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedPostgres]:
    """A server of the module's own, which keeps what it has committed."""
    with EmbeddedPostgres(tmp_path_factory.mktemp("stopped"), databases=[DATABASE]) as running:
        migrate.upgrade(SERVICE, running.url(DATABASE))
        yield running


@pytest.fixture
def template_database(server: EmbeddedPostgres) -> str:
    """What the service of these tests runs on."""
    return server.url(DATABASE)


@pytest_asyncio.fixture
async def client(service: Any) -> AsyncIterator[httpx.AsyncClient]:
    class ByToken:
        async def authenticate(self, token: str, *, changes_something: bool = False) -> Principal:
            return Principal(UUID(token), "user", frozenset({"read", "trade"}), "s", "t", 2_000_000_000)

    async def build(app: FastAPI, _stack: AsyncExitStack) -> Mapping[str, Check]:
        return {}

    app = create_service("test", build=build)
    app.include_router(orders.router)
    app.state.authenticator, app.state.live = ByToken(), None
    app.state.place, app.state.read = service.place, service.read
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://test") as made:
        yield made


class HeldCommit:
    """Holds the next commit of an order or a trade before or after it has become true."""

    def __init__(self, server: EmbeddedPostgres, *, written: bool) -> None:
        self._server = server
        self._written = written

    async def arm(self) -> None:
        if not self._written:
            await asyncio.to_thread(self._server.query, SLOW, database=DATABASE)
            return
        await self._standby("'nobody'")

        async def waits() -> bool:
            # A server takes its new settings when it comes to it: until a commit of nobody's waits, none would.
            probe = asyncio.create_task(asyncio.to_thread(self._server.query, "CREATE TEMP TABLE probe ()"))
            try:
                await eventually(lambda: self._held("SyncRep", "psql") or probe.done(), 60, every=0.05)
                return not probe.done()
            finally:
                await asyncio.to_thread(
                    self._server.query,
                    "SELECT pg_cancel_backend(pid) FROM pg_stat_activity"
                    " WHERE wait_event = 'SyncRep' AND application_name = 'psql'",
                )
                await asyncio.wait([probe])

        await eventually(waits, 60)

    async def under_way(self) -> None:
        """Return when a commit is held."""
        await eventually(lambda: self._held("SyncRep" if self._written else "PgSleep", "tests"), 60, every=0.05)

    async def end(self, blow: signal.Signals) -> None:
        """The server dies now, is started again, and holds nothing any more."""
        assert self._server.pid is not None
        os.kill(self._server.pid, blow)
        await eventually(lambda: not self._server.running, 60)
        await asyncio.to_thread(self._server.start)
        if self._written:
            await self._standby("''")
        else:
            lift = "DROP FUNCTION sleep_at_commit CASCADE"
            await asyncio.to_thread(self._server.query, lift, database=DATABASE)

    async def _standby(self, name: str) -> None:
        for statement in (f"ALTER SYSTEM SET synchronous_standby_names = {name}", "SELECT pg_reload_conf()"):
            await asyncio.to_thread(self._server.query, statement)

    def _held(self, event: str, application: str) -> bool:
        # Others commit, too: the server tidies up after the migration.
        which = f"wait_event = '{event}' AND application_name = '{application}'"
        return self._server.query(f"SELECT count(*) FROM pg_stat_activity WHERE {which}") != "0"  # noqa: S608 - ours


@pytest.fixture(params=[False, True], ids=["not written", "written"])
def written(request: pytest.FixtureRequest) -> bool:
    return bool(request.param)


@pytest.mark.parametrize("blow", [signal.SIGQUIT, signal.SIGKILL], ids=["immediate stop", "kill -9"])
async def test_l_04_an_order_whose_commit_is_lost(
    server: EmbeddedPostgres, service: Any, client: httpx.AsyncClient, written: bool, blow: signal.Signals
) -> None:
    """The client is told 503 and that the outcome is unknown; the same request under the same key is then harmless."""
    account = await service.open("10000.00")
    body = {"account_id": str(account.id), "symbol": "NSE:A", "side": "buy", "quantity": "10", "price": "99.00"}
    body |= {"order_type": "limit", "product": "cnc"}
    headers = {"Authorization": f"Bearer {account.user_id}", "Idempotency-Key": str(account.id)}
    commit = HeldCommit(server, written=written)
    await commit.arm()
    asked = asyncio.create_task(client.post(ORDERS, json=body, headers=headers))
    await commit.under_way()
    await commit.end(blow)
    lost = await asked
    assert (lost.status_code, lost.json()["code"]) == (503, "database_unavailable")
    assert "not known" in lost.json()["detail"]
    assert int(lost.headers["Retry-After"]) > 0
    await service.check(account)
    async with service.work() as work:
        there = await work.working_orders(account.id)
    assert len(there) == written
    answers = [await client.post(ORDERS, json=body, headers=headers) for _ in range(3)]
    assert [each.status_code for each in answers] == [201] * 3
    assert len({each.json()["id"] for each in answers}) == 1
    async with service.work() as work:
        orders_ = await work.working_orders(account.id)
    assert [str(each.id) for each in orders_] == [answers[0].json()["id"]]
    assert {each.id for each in there} <= {each.id for each in orders_}
    assert (await service.balances(account))["margin"] == orders_[0].hold
    await service.check(account)


async def test_l_04_a_fill_whose_commit_is_lost(server: EmbeddedPostgres, service: Any, written: bool) -> None:
    """The worker begins again from the database: the fill is there once, and the ledger folds."""
    account = await service.open("10000.00")
    service.tick("100")
    placed = await service.order(account, quantity=10, price="99")
    await service.settle_in()
    service.tick("98")
    commit = HeldCommit(server, written=written)
    await commit.arm()
    writing = asyncio.create_task(service.settle_in())
    await commit.under_way()
    await commit.end(signal.SIGKILL)
    with pytest.raises(UpstreamUnavailable) as lost:
        await writing
    assert lost.value.code == "database_unavailable"
    await service.check(account)
    assert (await service.stored(placed.id)).state is (OrderState.FILLED if written else OrderState.OPEN)
    await service.restart()
    for price in ("100", "98"):
        service.tick(price)
    await service.settle_in()
    assert (await service.stored(placed.id)).state is OrderState.FILLED
    trades, _ = await service.read.trades(account.user_id, account.id, None, 10)
    assert len(trades) == 1
    assert (await service.balances(account)).get("margin", 0) == 0
    await service.check(account)
