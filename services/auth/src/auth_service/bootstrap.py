"""Builds the auth service: the one place that names both a port and its adapter."""

import asyncio
import base64
import contextlib
import os
from collections.abc import Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import Any

from fastapi import FastAPI
from redis.asyncio import Redis
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from auth_service.adapters.access_tokens import AccessTokenSigner
from auth_service.adapters.breeze.broker import BreezeBroker
from auth_service.adapters.db.unit_of_work import PostgresUnitOfWork
from auth_service.adapters.passwords import HashCost, PasslibHasher
from auth_service.adapters.redis.announcements import RedisAnnouncements
from auth_service.adapters.secret_files import read_or_make
from auth_service.adapters.signing_keys import SigningKeyFiles, WatchedKeys
from auth_service.adapters.vault import Vault, VaultKeys
from auth_service.api.dependencies import Limits, Services
from auth_service.application.account_deletion import AccountDeletion
from auth_service.application.api_keys import ApiKeys
from auth_service.application.audit_log import AuditLog
from auth_service.application.broker_accounts import BrokerAccountBook
from auth_service.application.broker_connections import BrokerConnections
from auth_service.application.broker_logins import BrokerLoginDesk
from auth_service.application.broker_portfolio import PortfolioDesk
from auth_service.application.ports import Announcements, BrokerLogins, BrokerPortfolio, CallBudget, UnitOfWork
from auth_service.application.preferences import Preferences
from auth_service.application.profiles import Profiles
from auth_service.application.refreshing import Refreshing
from auth_service.application.registration import Registration
from auth_service.application.revoking import Revoking
from auth_service.application.service_access import ServiceAccess
from auth_service.application.sign_in_list import SignInList
from auth_service.application.signing_in import SigningIn
from auth_service.application.user_administration import UserAdministration
from auth_service.jobs.chores import Chore, repeat_for_ever
from auth_service.settings import AuthSettings
from breezeway.breeze.quota import BrokerQuota
from breezeway.clock import Clock, SystemClock
from breezeway.db.engine import create_engine
from breezeway.errors import Misconfigured
from breezeway.http.app import Check
from breezeway.redis.client import connect
from breezeway.redis.sliding_window import SlidingWindow
from breezeway.security.authenticator import Authenticator
from breezeway.security.revocation import watch_revocations
from breezeway.security.service_tokens import ServiceTokens

SERVICE = "auth"

_HOUR = 3_600.0
_NEW_KEYS_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class Broker:
    """The broker's three ports; tests put a fake in their place."""

    logins: BrokerLogins
    portfolio: BrokerPortfolio
    budget: CallBudget


async def build(
    app: FastAPI,
    stack: AsyncExitStack,
    settings: AuthSettings,
    *,
    clock: Clock | None = None,
    broker: Broker | None = None,
) -> Mapping[str, Check]:
    """Put the service into `app.state`; what must be closed goes on `stack`."""
    clock = clock or SystemClock()
    # Keys first: a process that lacks them must not come up at all.
    vault = Vault(vault_keys(settings))
    keys = WatchedKeys(signing_key_files(settings))
    signer = AccessTokenSigner(keys, clock)
    engine = create_engine(
        settings.database_url.get_secret_value(), application=SERVICE, pool_size=settings.database_pool_size
    )
    stack.push_async_callback(engine.dispose)
    redis = connect(settings.redis_url)
    stack.push_async_callback(redis.aclose)
    hasher = PasslibHasher(
        HashCost(settings.password_memory_kib, settings.password_rounds, settings.password_parallelism),
        at_once=settings.password_at_once,
    )
    stack.callback(hasher.close)
    await hasher.warm_up()
    if broker is None:
        breeze = BreezeBroker(settings.simulator_url, BrokerQuota(redis))
        stack.push_async_callback(breeze.aclose)
        broker = Broker(breeze, breeze, breeze)

    def units() -> UnitOfWork:
        return PostgresUnitOfWork(engine, vault)

    announce: Announcements = RedisAnnouncements(redis)
    connections = BrokerConnections(units, broker.logins, announce, clock)
    revoking = Revoking(units, announce, clock)
    sign_ins = SignInList(units, revoking, clock)
    access = ServiceAccess(units, clock, shared_feed_user=settings.shared_feed_user)
    app.state.services = Services(
        registration=Registration(units, hasher, clock),
        signing_in=SigningIn(units, hasher, signer, clock),
        refreshing=Refreshing(units, signer, revoking, clock),
        sign_ins=sign_ins,
        revoking=revoking,
        profiles=Profiles(units, clock),
        accounts=BrokerAccountBook(units, broker.logins, announce, clock),
        logins=BrokerLoginDesk(units, broker.logins, clock, trust_only_pending=not settings.is_production),
        connections=connections,
        api_keys=ApiKeys(units, signer, revoking, clock),
        administration=UserAdministration(units, hasher, revoking, clock),
        deletion=AccountDeletion(units, hasher, revoking, announce, clock),
        preferences=Preferences(units, clock),
        audit_log=AuditLog(units),
        portfolio=PortfolioDesk(access, broker.portfolio, connections),
        budget=broker.budget,
        access=access,
        jwks=signer.jwks,
        secure_cookies=settings.gateway_url.startswith("https:"),
        limits=_limits(redis, settings),
    )

    async def own_keys() -> Mapping[str, Any]:
        return signer.jwks()

    app.state.authenticator = Authenticator(own_keys, await watch_revocations(stack, settings.redis_url))
    app.state.service_tokens = ServiceTokens(settings.internal_key.get_secret_value(), SERVICE)
    _own_chore(stack, "end-broker-sessions", connections.write_down_lapsed, settings.expiry_interval)
    _own_chore(stack, "read-signing-keys", keys.look_again, _NEW_KEYS_SECONDS)
    _own_chore(stack, "deliver-revocations", revoking.deliver, 1.0)
    _own_chore(stack, "forget-sign-ins", sign_ins.forget_old, _HOUR)
    return {"postgres": lambda: _answers(engine), "redis": lambda: redis.ping()}


def signing_key_files(settings: AuthSettings) -> SigningKeyFiles:
    """Where the keys are that sign access tokens; outside production the first one is made when absent."""
    return SigningKeyFiles(settings.first_signing_key, settings.signing_key_folder, generate=not settings.is_production)


def vault_keys(settings: AuthSettings) -> VaultKeys:
    """The vault's keys: from the environment, or, in development, from a file that is made when absent.

    Raises:
        Misconfigured: `vault_key_missing` or `bad_vault_key`, in production also for a key that a person typed.
    """
    if settings.vault_key is not None:
        return VaultKeys.parse(settings.vault_key.get_secret_value(), refuse_typed=settings.is_production)
    if settings.is_production:
        raise Misconfigured(
            "BREEZEWAY_VAULT_KEY is not set. Broker secrets cannot be kept without it. Make one with: "
            "head -c 32 /dev/urandom | base64",
            code="vault_key_missing",
        )
    made = read_or_make(settings.secrets_folder / "vault.key", lambda: base64.b64encode(os.urandom(32)))
    return VaultKeys.parse(made.decode().strip())


def _limits(redis: Redis, settings: AuthSettings) -> Limits:
    times = 1 if settings.is_production else 10

    def window(scope: str, limit: int) -> SlidingWindow:
        return SlidingWindow(redis, scope, limit=limit * times, seconds=60)

    return Limits(
        login=window("login", settings.login_limit),
        login_ip=window("login-ip", settings.login_ip_limit),
        register=window("register", settings.register_limit),
    )


def _own_chore(stack: AsyncExitStack, name: str, chore: Chore, every: float) -> None:
    task = asyncio.create_task(repeat_for_ever(name, chore, every), name=name)

    async def stop() -> None:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task

    stack.push_async_callback(stop)


async def _answers(engine: AsyncEngine) -> None:
    async with engine.connect() as connection:
        await connection.execute(text("SELECT 1"))
