"""Builds the service: the only place that names both its ports and what fills them."""

import asyncio
import random
import signal
from collections.abc import Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final

import sqlalchemy as sa
import structlog
from fastapi import FastAPI
from redis.asyncio import Redis
from sqlalchemy.ext.asyncio import AsyncEngine

from breezeway import cancellation
from breezeway.clock import Clock, SystemClock
from breezeway.db.backlog import Backlog, watch_backlogs
from breezeway.db.engine import create_engine
from breezeway.http.app import Check
from breezeway.http.client import ServiceClient
from breezeway.mail.smtp import SmtpMailer, SmtpServer
from breezeway.redis.client import connect
from breezeway.security.authenticator import Authenticator
from breezeway.security.revocation import watch_revocations
from breezeway.security.service_tokens import ServiceTokens
from breezeway.user_feeds import AuthFeeds
from notifications_service.adapters.channels.guarded import GuardedBackend, HttpWebhookSender, UrlPolicy
from notifications_service.adapters.channels.telegram import HttpTelegram
from notifications_service.adapters.db.tables import deliveries
from notifications_service.adapters.db.work import PostgresWork
from notifications_service.adapters.redis.prices import RedisLatestTicks, RedisLivePrices
from notifications_service.adapters.redis.web import RedisBell, RedisWebChannel
from notifications_service.adapters.upstream.neighbours import AuthContacts, HttpSymbols, TradingOrders
from notifications_service.api.dependencies import Services
from notifications_service.application.alerts import Alerts
from notifications_service.application.courier import Courier, Patience, Way
from notifications_service.application.hooks import Hooks
from notifications_service.application.inbox import Inbox
from notifications_service.application.ports import Work
from notifications_service.application.preferences import PreferenceBook
from notifications_service.application.readings import LastReadings
from notifications_service.application.receiving import Receiving, Ways
from notifications_service.application.telegram import TelegramLinks
from notifications_service.application.tidying import Tidying
from notifications_service.application.watching import AlertWatch
from notifications_service.application.ways import ByMail, ByTelegram, ByWeb, ByWebhook, WebhookRules
from notifications_service.application.webhooks import Webhooks
from notifications_service.domain.model import DeliveryState
from notifications_service.domain.preferences import ChannelName
from notifications_service.domain.signatures import SecretKey
from notifications_service.settings import NotificationsSettings, WorkerSettings

SERVICE: Final = "notifications"

_DRAIN_SECONDS: Final = 2.0

_log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class _Common:
    """What the API and the worker have in common."""

    engine: AsyncEngine
    redis: "Redis"
    tokens: ServiceTokens
    auth: ServiceClient
    clock: Clock
    key: SecretKey
    policy: UrlPolicy
    telegram: HttpTelegram | None
    receiving: Receiving
    ways: Ways

    def work(self) -> Work:
        return PostgresWork(self.engine)

    async def ask_database(self) -> None:
        async with self.engine.connect() as connection:
            await connection.execute(sa.text("SELECT 1"))


async def _common(settings: NotificationsSettings, stack: AsyncExitStack) -> _Common:
    engine = create_engine(
        settings.database_url.get_secret_value(), application=SERVICE, pool_size=settings.database_pool_size
    )
    stack.push_async_callback(engine.dispose)
    redis = connect(settings.redis_url)
    stack.push_async_callback(redis.aclose)
    tokens = ServiceTokens(settings.internal_key.get_secret_value(), SERVICE)
    auth = await stack.enter_async_context(ServiceClient(settings.auth_url, "auth", tokens))
    telegram = None
    if settings.telegram_token is not None:
        telegram = HttpTelegram(settings.telegram_url, settings.telegram_token.get_secret_value())
        stack.push_async_callback(telegram.aclose)
    ways = Ways(email=settings.smtp_host is not None, telegram=telegram is not None)
    clock = SystemClock()
    return _Common(
        engine=engine,
        redis=redis,
        tokens=tokens,
        auth=auth,
        clock=clock,
        key=SecretKey((settings.webhook_key or settings.internal_key).get_secret_value()),
        policy=UrlPolicy(settings.webhook_allow_networks, allow_http=settings.webhook_allow_http),
        telegram=telegram,
        receiving=Receiving(lambda: PostgresWork(engine), clock, ways),
        ways=ways,
    )


async def build(settings: NotificationsSettings, app: FastAPI, stack: AsyncExitStack) -> Mapping[str, Check]:
    """Fill `app.state`, and say what readiness depends on."""
    common = await _common(settings, stack)
    instruments = await stack.enter_async_context(ServiceClient(settings.instruments_url, "instruments", common.tokens))
    trading = await stack.enter_async_context(ServiceClient(settings.trading_url, "trading", common.tokens))

    async def fetch_keys() -> dict[str, Any]:
        return await common.auth.call("GET", "/.well-known/jwks.json", dict[str, Any])

    watch_backlogs(common.engine, [delivery_backlog(channel) for channel in ChannelName], stack)
    readings = LastReadings(AuthFeeds(common.auth), RedisLatestTicks(common.redis), common.clock)
    app.state.service_tokens = common.tokens
    app.state.authenticator = Authenticator(fetch_keys, await watch_revocations(stack, settings.redis_url))
    app.state.services = Services(
        receiving=common.receiving,
        inbox=Inbox(common.work, common.clock),
        alerts=Alerts(common.work, HttpSymbols(instruments), readings, RedisBell(common.redis), common.clock),
        webhooks=Webhooks(common.work, common.key, common.policy, common.clock),
        hooks=Hooks(common.work, common.key, TradingOrders(trading), common.receiving, common.clock),
        preferences=PreferenceBook(common.work),
        telegram=TelegramLinks(common.work, common.telegram, common.clock),
        ways=common.ways,
    )
    return {"database": common.ask_database, "redis": common.redis.ping}


async def build_worker(settings: WorkerSettings, app: FastAPI, stack: AsyncExitStack) -> Mapping[str, Check]:
    """Start deliveries and the watch over alerts; they run until the stack closes."""
    common = await _common(settings, stack)
    prices = RedisLivePrices(
        common.redis,
        settings.redis_url,
        on_message=lambda feed, body: watch.on_message(feed, body),
        on_bell=lambda: watch.ring(),
    )
    watch = AlertWatch(common.work, AuthFeeds(common.auth), prices, common.receiving, common.clock)
    web = RedisWebChannel(common.redis)
    confirming = asyncio.create_task(web.run(), name="shown")
    # After the couriers: until then, what they have shown still becomes safe.
    stack.push_async_callback(cancellation.end, [confirming])
    patience = Patience(timedelta(seconds=settings.lease_seconds), timedelta(seconds=settings.retry_seconds))
    couriers = [
        # Jitter spreads retries; it guards nothing.
        Courier(common.work, channel, way, common.clock, patience, random.random)
        for channel, way in _ways_out(settings, common, web, stack).items()
    ]
    for courier in couriers:
        stack.push_async_callback(courier.drain, _DRAIN_SECONDS)
    tasks: list[asyncio.Task[object]] = [
        asyncio.create_task(prices.run(), name="prices"),
        asyncio.create_task(watch.run(), name="alerts"),
        asyncio.create_task(Tidying(common.work, common.clock).run(), name="tidying"),
        *(asyncio.create_task(courier.run(), name=f"courier-{courier.channel}") for courier in couriers),
    ]
    for task in (*tasks, confirming):
        task.add_done_callback(_end_with)
    stack.push_async_callback(cancellation.end, tasks)

    async def alive() -> None:
        for task in (*tasks, confirming):
            if task.done():
                raise RuntimeError(f"{task.get_name()} has ended")

    return {"database": common.ask_database, "redis": common.redis.ping, "tasks": alive}


def delivery_backlog(channel: ChannelName) -> Backlog:
    """What waits to leave by `channel`. One that is under way is not late before its lease has run out."""
    columns = deliveries.c
    waits = sa.and_(columns.state == DeliveryState.WAITING.value, columns.channel == channel.value)
    return Backlog(f"deliveries-{channel.value}", columns.due_at, waits)


def _ways_out(
    settings: NotificationsSettings, common: _Common, web: RedisWebChannel, stack: AsyncExitStack
) -> Mapping[ChannelName, Way]:
    sender = HttpWebhookSender(common.policy, GuardedBackend(settings.webhook_allow_networks))
    stack.push_async_callback(sender.aclose)
    rules = WebhookRules(timedelta(days=settings.webhook_disable_days))
    ways: dict[ChannelName, Way] = {
        ChannelName.WEB: ByWeb(web),
        ChannelName.WEBHOOK: ByWebhook(sender, common.key, common.work, common.receiving, common.clock, rules),
    }
    if settings.smtp_host is not None:
        password = settings.smtp_password.get_secret_value() if settings.smtp_password else None
        server = SmtpServer(
            host=settings.smtp_host,
            port=settings.smtp_port,
            sender=settings.mail_from,
            user=settings.smtp_user,
            password=password,
            encryption=settings.smtp_encryption,
        )
        ways[ChannelName.EMAIL] = ByMail(SmtpMailer(server), AuthContacts(common.auth), settings.gateway_url)
    if common.telegram is not None:
        ways[ChannelName.TELEGRAM] = ByTelegram(common.telegram, common.work)
    return ways


def _end_with(task: "asyncio.Task[object]") -> None:
    """End the process when one of its tasks fails for a reason nobody foresaw: a new one begins from the database."""
    if not task.cancelled() and (error := task.exception()) is not None:
        _log.critical("task_failed", task=task.get_name(), error=repr(error))
        signal.raise_signal(signal.SIGTERM)
