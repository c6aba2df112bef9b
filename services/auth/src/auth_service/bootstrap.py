"""Builds the auth service: the one place that names both a port and its adapter."""

import asyncio
import base64
import contextlib
import os
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit

from fastapi import FastAPI
from redis.asyncio import Redis
from sqlalchemy import text
from sqlalchemy.exc import ProgrammingError, SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncEngine

from auth_service.adapters.access_tokens import AccessTokenSigner
from auth_service.adapters.breeze.broker import BreezeBroker
from auth_service.adapters.breeze.simulator import SimulatorDoor
from auth_service.adapters.common_passwords import common_passwords
from auth_service.adapters.db.sealed_rows import PostgresSealedRows, VaultCheck
from auth_service.adapters.db.tables import events, mail_outbox
from auth_service.adapters.db.unit_of_work import PostgresUnitOfWork
from auth_service.adapters.device_marks import SignedDeviceMarks
from auth_service.adapters.mail.mailbox import PostgresMailbox
from auth_service.adapters.passwords import HashCost, PasslibHasher
from auth_service.adapters.redis.announcements import RedisAnnouncements
from auth_service.adapters.secret_files import read_or_make
from auth_service.adapters.signing_keys import SigningKeyFiles, WatchedKeys
from auth_service.adapters.totp import TotpCodes
from auth_service.adapters.vault import Vault, VaultKeys
from auth_service.api.dependencies import Limits, Services, WebSession
from auth_service.application.account_deletion import AccountDeletion
from auth_service.application.api_keys import ApiKeys
from auth_service.application.audit_log import AuditLog, ChainReport
from auth_service.application.broker_accounts import BrokerAccountBook
from auth_service.application.broker_connections import BrokerConnections
from auth_service.application.broker_logins import BrokerLoginDesk
from auth_service.application.broker_portfolio import PortfolioDesk
from auth_service.application.broker_ports import BrokerLogins, BrokerPortfolio, CallBudget
from auth_service.application.broker_reminders import BrokerReminders
from auth_service.application.credential_ports import Mailer
from auth_service.application.demo_renewal import DemoRenewal
from auth_service.application.email_addresses import EmailAddresses
from auth_service.application.passwords import Passwords
from auth_service.application.ports import Announcements, UnitOfWork
from auth_service.application.post_office import PostOffice
from auth_service.application.preferences import Preferences
from auth_service.application.profiles import Profiles
from auth_service.application.refreshing import Refreshing
from auth_service.application.registration import Registration, RegistrationRules
from auth_service.application.revoking import Revoking
from auth_service.application.second_factor import SecondFactor
from auth_service.application.service_access import ServiceAccess
from auth_service.application.sign_in_list import SignInList
from auth_service.application.signing_in import SigningIn
from auth_service.application.user_administration import UserAdministration
from auth_service.application.vault_rotation import RotationReport, VaultRotation
from auth_service.jobs.chores import Chore, repeat_for_ever
from auth_service.settings import AuthSettings, SigningSettings
from breezeway import cancellation, logs
from breezeway.breeze.quota import BrokerQuota
from breezeway.clock import Clock, SystemClock
from breezeway.db.backlog import Backlog, watch_backlogs
from breezeway.db.engine import create_engine
from breezeway.db.unit_of_work import is_connection_failure
from breezeway.errors import Misconfigured, UpstreamUnavailable
from breezeway.http.app import Check
from breezeway.http.client import ServiceClient
from breezeway.mail.smtp import NoMailer, SmtpMailer, SmtpServer
from breezeway.outbox.relay import EventRelay
from breezeway.redis.client import connect
from breezeway.redis.sliding_window import SlidingWindow
from breezeway.security.authenticator import Authenticator
from breezeway.security.revocation import watch_revocations
from breezeway.security.service_tokens import ServiceTokens

SERVICE = "auth"

_HOUR = 3_600.0
_MINUTE = 60.0
_QUARTER_HOUR = 900.0
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
    vault_check = VaultCheck(PostgresSealedRows(engine, vault))
    await vault_check.if_reachable()
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
    common = common_passwords()
    addresses = EmailAddresses(units, clock, admin_email=settings.admin_email)
    second_factor = SecondFactor(units, TotpCodes(), hasher, signer, clock)
    mailbox = None if settings.is_production or settings.smtp_host else PostgresMailbox(engine, clock)
    post_office = PostOffice(units, mailbox or _mailer(settings), clock, public_url=settings.gateway_url)
    access = ServiceAccess(units, clock, shared_feed_user=settings.shared_feed_user)
    app.state.services = Services(
        registration=Registration(units, hasher, common, clock, _registration_rules(settings)),
        signing_in=SigningIn(
            units,
            hasher,
            signer,
            second_factor,
            revoking,
            clock,
            needs_verified_email=settings.login_needs_verified_email,
        ),
        refreshing=Refreshing(units, signer, revoking, clock),
        sign_ins=sign_ins,
        revoking=revoking,
        profiles=Profiles(units, clock),
        accounts=BrokerAccountBook(units, broker.logins, announce, clock),
        logins=BrokerLoginDesk(units, broker.logins, clock, trust_only_pending=not settings.is_production),
        connections=connections,
        api_keys=ApiKeys(units, signer, revoking, clock),
        administration=UserAdministration(units, hasher, revoking, clock),
        deletion=AccountDeletion(units, hasher, second_factor, revoking, announce, clock),
        preferences=Preferences(units, clock),
        audit_log=AuditLog(units),
        portfolio=PortfolioDesk(access, broker.portfolio, connections),
        budget=broker.budget,
        access=access,
        jwks=signer.jwks,
        secure_cookies=settings.gateway_url.startswith("https:"),
        limits=_limits(redis, settings),
        passwords=Passwords(units, hasher, revoking, addresses, common, clock),
        addresses=addresses,
        second_factor=second_factor,
        post_office=post_office,
        mailbox=mailbox,
        device_marks=SignedDeviceMarks(settings.internal_key.get_secret_value().encode(), clock),
        web_session=_web_session(settings),
    )

    async def own_keys() -> Mapping[str, Any]:
        return signer.jwks()

    app.state.authenticator = Authenticator(own_keys, await watch_revocations(stack, settings.redis_url))
    tokens = ServiceTokens(settings.internal_key.get_secret_value(), SERVICE)
    notifications = await stack.enter_async_context(ServiceClient(settings.notifications_url, "notifications", tokens))
    app.state.service_tokens = tokens
    relay = asyncio.create_task(EventRelay(engine, events, notifications).run(), name="events")
    stack.push_async_callback(cancellation.end, [relay])
    mails = Backlog("auth-mails", mail_outbox.c.due_at, mail_outbox.c.sent_at.is_(None))
    watch_backlogs(engine, [Backlog.of_events(SERVICE, events), mails], stack)
    _own_chore(stack, "end-broker-sessions", connections.write_down_lapsed, settings.expiry_interval)
    lead = timedelta(minutes=settings.reminder_minutes)
    if lead:
        reminders = BrokerReminders(units, clock, lead)
        _own_chore(stack, "remind-of-broker-sessions", reminders.remind, _MINUTE)
    if not settings.is_production and settings.simulator_url and settings.shared_feed_user:
        renewal = DemoRenewal(
            units, SimulatorDoor(settings.simulator_url), connections, clock, settings.shared_feed_user
        )
        _own_chore(stack, "renew-demo-session", renewal.renew, _MINUTE)
    _own_chore(stack, "read-signing-keys", keys.look_again, _NEW_KEYS_SECONDS)
    _own_chore(stack, "deliver-revocations", revoking.deliver, 1.0)
    _own_chore(stack, "deliver-mails", post_office.deliver, 1.0)
    _own_chore(stack, "forget-mails", post_office.forget_old, _HOUR)
    _own_chore(stack, "forget-codes", second_factor.forget_old, _HOUR)
    _own_chore(stack, "forget-sign-ins", sign_ins.forget_old, _HOUR)
    return {"postgres": lambda: _answers(engine), "vault": vault_check, "redis": lambda: redis.ping()}


def signing_key_files(settings: SigningSettings) -> SigningKeyFiles:
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


def _mailer(settings: AuthSettings) -> Mailer:
    if settings.smtp_host is None:
        if settings.login_needs_verified_email:
            raise Misconfigured(
                "BREEZEWAY_LOGIN_NEEDS_VERIFIED_EMAIL needs a mail server: without one nobody could confirm their "
                "address. Set SMTP_HOST and MAIL_FROM.",
                code="mail_not_configured",
            )
        return NoMailer()
    return SmtpMailer(
        SmtpServer(
            host=settings.smtp_host,
            port=settings.smtp_port,
            sender=settings.mail_from,
            user=settings.smtp_user,
            password=settings.smtp_password.get_secret_value() if settings.smtp_password else None,
            encryption=settings.smtp_encryption,
        )
    )


def _registration_rules(settings: AuthSettings) -> RegistrationRules:
    return RegistrationRules(is_open=settings.registration == "open", first_is_admin=settings.admin_email is None)


def _web_session(settings: AuthSettings) -> WebSession:
    public = urlsplit(settings.gateway_url)
    # A session that lasts a month never crosses a network in the clear in production, whatever the address says.
    secure = settings.is_production or public.scheme == "https"
    return WebSession(secure=secure, origin=f"{public.scheme}://{public.netloc}")


def _limits(redis: Redis, settings: AuthSettings) -> Limits:
    times = 1 if settings.is_production else 10

    def window(scope: str, limit: int, seconds: float = 60) -> SlidingWindow:
        return SlidingWindow(redis, scope, limit=limit * times, seconds=seconds)

    return Limits(
        login=window("login", settings.login_limit),
        login_ip=window("login-ip", settings.login_ip_limit),
        login_account=window("login-account", settings.login_account_limit, _QUARTER_HOUR),
        login_everywhere=window("login-everywhere", settings.login_global_limit),
        login_device=window("login-device", settings.login_limit),
        register=window("register", settings.register_limit),
        mailing=window("mailing", settings.mailing_limit),
        password_check=window("password-check", settings.login_limit),
    )


def _own_chore(stack: AsyncExitStack, name: str, chore: Chore, every: float) -> None:
    task = asyncio.create_task(repeat_for_ever(name, chore, every), name=name)
    stack.push_async_callback(cancellation.end, [task])


async def with_vault_rotation(
    settings: AuthSettings, act: Callable[[VaultRotation], Awaitable[RotationReport]]
) -> RotationReport:
    """Let `act` use the vault's rotation; what it needs is opened before and closed after. Raises Misconfigured."""
    logs.configure(SERVICE, log_format=settings.log_format, level=settings.log_level)
    vault = Vault(vault_keys(settings))
    async with _engine_for_once(settings) as engine:
        rotation = VaultRotation(
            PostgresSealedRows(engine, vault), lambda: PostgresUnitOfWork(engine, vault), SystemClock()
        )
        return await act(rotation)


async def with_audit_log(settings: AuthSettings, act: Callable[[AuditLog], Awaitable[ChainReport]]) -> ChainReport:
    """Let `act` use the audit log, as above."""
    vault = Vault(vault_keys(settings))
    async with _engine_for_once(settings) as engine:
        return await act(AuditLog(lambda: PostgresUnitOfWork(engine, vault)))


@contextlib.asynccontextmanager
async def _engine_for_once(settings: AuthSettings) -> AsyncIterator[AsyncEngine]:
    engine = create_engine(settings.database_url.get_secret_value(), application=f"{SERVICE}-command", pooled=False)
    try:
        yield engine
    except ProgrammingError as error:
        raise Misconfigured(
            "The database lacks tables; bring it to the newest schema first: breezeway migrate", code="not_migrated"
        ) from error
    except (OSError, SQLAlchemyError) as error:
        if not is_connection_failure(error):
            raise
        raise UpstreamUnavailable("PostgreSQL does not answer; run it again.", code="database_unavailable") from error
    finally:
        await engine.dispose()


async def _answers(engine: AsyncEngine) -> None:
    async with engine.connect() as connection:
        await connection.execute(text("SELECT 1"))
