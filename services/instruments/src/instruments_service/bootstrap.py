"""Builds the service: the only place that names both its ports and what fills them."""

import asyncio
from collections.abc import Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from fastapi import FastAPI
from sqlalchemy.ext.asyncio import AsyncEngine

from breezeway import cancellation
from breezeway.clock import SystemClock
from breezeway.db.engine import create_engine
from breezeway.http.app import Check
from breezeway.http.client import ServiceClient
from breezeway.jobs.queue import JobQueue
from breezeway.redis.client import connect
from breezeway.security.authenticator import Authenticator
from breezeway.security.revocation import watch_revocations
from breezeway.security.service_tokens import ServiceTokens
from instruments_service.adapters.breeze.master_reader import BreezeMasterReader
from instruments_service.adapters.breeze.master_source import HttpMasterSource
from instruments_service.adapters.db.index_rows import SqlIndexRows
from instruments_service.adapters.db.merge import SqlMasterStore
from instruments_service.adapters.db.queries import SqlInstrumentQueries
from instruments_service.adapters.db.search import SqlSearch
from instruments_service.adapters.db.sync_log import SqlSyncLog
from instruments_service.adapters.files.freeze_limits import FreezeLimitFiles
from instruments_service.adapters.redis.master_watch import watch_master
from instruments_service.adapters.redis.signals import ArqSyncWaker, RedisAnnouncer
from instruments_service.application.catalogue import Catalogue
from instruments_service.application.find import ReadInstruments
from instruments_service.application.search import SearchInstruments
from instruments_service.application.search_index import IndexKeeper
from instruments_service.application.sync_master import RequestSync, SweepSyncs, SyncMaster
from instruments_service.domain.acceptance import ANYTHING, Policy
from instruments_service.settings import InstrumentsSettings

SERVICE = "instruments"

MERGE_TIMEOUT = 120.0
"""Seconds for one statement of a merge."""


@dataclass(frozen=True, slots=True)
class WorkerParts:
    """What the worker's jobs do."""

    sync: SyncMaster
    sweep: SweepSyncs


async def build(settings: InstrumentsSettings, app: FastAPI, stack: AsyncExitStack) -> Mapping[str, Check]:
    """Fill `app.state`, start the background refresh, and say what readiness depends on."""
    engine = _engine(settings, stack)
    redis = connect(settings.redis_url)
    stack.push_async_callback(redis.aclose)
    queue = await JobQueue.connect(settings.redis_url, SERVICE)
    stack.push_async_callback(queue.aclose)
    queue.watch(stack)
    tokens = ServiceTokens(settings.internal_key.get_secret_value(), SERVICE)
    auth = await stack.enter_async_context(ServiceClient(settings.auth_url, "auth", tokens))

    async def fetch_keys() -> dict[str, Any]:
        return await auth.call("GET", "/.well-known/jwks.json", dict[str, Any])

    async def ask_database() -> None:
        async with engine.connect() as connection:
            await connection.execute(sa.text("SELECT 1"))

    clock = SystemClock()
    queries = SqlInstrumentQueries(engine)
    catalogue = Catalogue(queries)
    app.state.service_tokens = tokens
    app.state.authenticator = Authenticator(fetch_keys, await watch_revocations(stack, settings.redis_url))
    app.state.catalogue = catalogue
    app.state.queries = queries
    keeper = IndexKeeper(catalogue, SqlIndexRows(engine), SqlSearch(engine))
    app.state.search = SearchInstruments(catalogue, keeper)
    app.state.instruments = ReadInstruments(catalogue, queries, clock)
    app.state.sync_log = SqlSyncLog(engine)
    app.state.request_sync = RequestSync(app.state.sync_log, ArqSyncWaker(queue), settings.effective_master_url, clock)
    watch = asyncio.create_task(watch_master(settings.redis_url, keeper.refresh), name="instruments-watch")
    stack.push_async_callback(cancellation.end, [watch])
    return {"database": ask_database, "redis": redis.ping}


async def build_worker_parts(settings: InstrumentsSettings, stack: AsyncExitStack) -> WorkerParts:
    """The use cases of the worker; what must be closed is on the stack."""
    engine = _engine(settings, stack)
    merging = create_engine(
        settings.database_url.get_secret_value(),
        application="instruments-sync",
        statement_timeout=MERGE_TIMEOUT,
        pooled=False,
    )
    stack.push_async_callback(merging.dispose)
    redis = connect(settings.redis_url)
    stack.push_async_callback(redis.aclose)
    queue = await JobQueue.connect(settings.redis_url, SERVICE)
    stack.push_async_callback(queue.aclose)
    queue.watch(stack)
    clock = SystemClock()
    log = SqlSyncLog(engine)
    waker = ArqSyncWaker(queue)
    url = settings.effective_master_url
    sync = SyncMaster(
        source=HttpMasterSource(url, use_proxy=not settings.from_simulator),
        reader=BreezeMasterReader(),
        store=SqlMasterStore(merging, clock),
        log=log,
        waker=waker,
        announcer=RedisAnnouncer(redis),
        limits=FreezeLimitFiles(settings.limits_folder),
        clock=clock,
        policy=ANYTHING if settings.accepts_any else Policy(),
    )
    return WorkerParts(sync, SweepSyncs(log, RequestSync(log, waker, url, clock), waker, clock))


def _engine(settings: InstrumentsSettings, stack: AsyncExitStack) -> AsyncEngine:
    engine = create_engine(
        settings.database_url.get_secret_value(), application=SERVICE, pool_size=settings.database_pool_size
    )
    stack.push_async_callback(engine.dispose)
    return engine
