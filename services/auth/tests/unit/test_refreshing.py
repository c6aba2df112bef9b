"""Rotation of refresh tokens, with everything outside faked."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from types import TracebackType
from typing import Any, Self
from uuid import UUID

import pytest

from auth_service.application.credential_ports import AccessToken
from auth_service.application.refreshing import Refreshing
from auth_service.application.revoking import Revoking
from auth_service.application.sessions import start_session
from auth_service.domain.audit import AuditEntry, AuditEvent, Origin
from auth_service.domain.mails import MailKind, QueuedMail
from auth_service.domain.sign_ins import EndReason, RefreshToken, SignIn
from auth_service.domain.users import Role, User
from breezeway.contracts.auth import CredentialsRevoked
from breezeway.contracts.broker import BrokerSession
from breezeway.contracts.events import Event
from breezeway.errors import Unauthenticated
from breezeway.ids import new_id
from breezeway.testing.clock import FixedClock

NOW = datetime(2026, 11, 20, 6, 0, tzinfo=UTC)


@dataclass
class FakeStore:
    """Tables as dictionaries. It has no transactions: a test that needs rollback belongs to the integration tests."""

    user: User
    family: SignIn | None = None
    ended: EndReason | None = None
    tokens: dict[bytes, RefreshToken] = field(default_factory=dict)
    used: set[bytes] = field(default_factory=set)
    revoked: list[CredentialsRevoked] = field(default_factory=list)
    mailed: list[QueuedMail] = field(default_factory=list)
    entries: list[AuditEntry] = field(default_factory=list)
    effects: list[Callable[[], Awaitable[object]]] = field(default_factory=list)
    told: list[Event] = field(default_factory=list)

    async def by_id(self, user_id: UUID, *, lock: bool = False) -> User | None:
        return self.user if user_id == self.user.id else None

    async def start(self, sign_in: SignIn, token: RefreshToken) -> None:
        self.family = sign_in
        await self.issue(token)

    async def spend(self, digest: bytes, at: datetime) -> UUID | None:
        token = self.tokens.get(digest)
        if token is None or digest in self.used or token.expires_at <= at:
            return None
        self.used.add(digest)
        return token.sign_in_id

    async def touch(self, sign_in_id: UUID, at: datetime) -> SignIn | None:
        return self.family if self.ended is None and self.family and self.family.expires_at > at else None

    async def issue(self, token: RefreshToken) -> None:
        self.tokens[token.digest] = token

    async def owner_of(self, digest: bytes, *, spent_only: bool = False) -> SignIn | None:
        known = digest in (self.used if spent_only else self.tokens)
        return self.family if known else None

    async def end(self, sign_in_id: UUID, user_id: UUID, reason: EndReason, at: datetime) -> bool:
        if self.ended is not None:
            return False
        self.ended = reason
        return True

    def audit(self, entry: AuditEntry) -> None:
        self.entries.append(entry)

    async def tell(self, event: Event) -> None:
        self.told.append(event)

    def after_commit(self, effect: Callable[[], Awaitable[object]]) -> None:
        self.effects.append(effect)

    async def commit(self) -> None:
        effects, self.effects = self.effects, []
        for effect in effects:
            await effect()

    @property
    def users(self) -> Self:
        return self

    @property
    def sign_ins(self) -> Self:
        return self

    @property
    def revocations(self) -> Self:
        return self

    @property
    def mails(self) -> Self:
        return self

    async def add(self, row: CredentialsRevoked | QueuedMail) -> None:
        if isinstance(row, QueuedMail):
            self.mailed.append(row)
        else:
            self.revoked.append(row)

    async def take(self, limit: int) -> list[CredentialsRevoked]:
        taken, self.revoked = self.revoked, []
        return taken

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        return None


@dataclass
class Heard:
    """What was announced."""

    revocations: list[CredentialsRevoked] = field(default_factory=list)

    async def broker_session(self, session: BrokerSession) -> None:
        return None

    async def revoked(self, revoked: CredentialsRevoked) -> None:
        self.revocations.append(revoked)


class Signer:
    def issue(self, user: User, sign_in_id: UUID, at: datetime, *, mfa_at: datetime | None = None) -> AccessToken:
        return AccessToken(f"token of {user.id}", 900)


@dataclass
class Rig:
    store: FakeStore
    heard: Heard
    clock: FixedClock
    refreshing: Refreshing
    first: str


@pytest.fixture
async def rig() -> Rig:
    user = User(new_id(), "asha@example.com", None, Role.USER, "hash", NOW)
    store, heard, clock = FakeStore(user), Heard(), FixedClock(NOW)
    work: Any = store
    session = await start_session(work, Signer(), user, Origin(), NOW)
    store.entries.clear()
    refreshing = Refreshing(lambda: work, Signer(), Revoking(lambda: work, heard, clock), clock)
    return Rig(store, heard, clock, refreshing, session.refresh_token)


async def test_each_token_works_once_and_is_followed_by_another(rig: Rig) -> None:
    second = await rig.refreshing.refresh(rig.first, Origin())
    third = await rig.refreshing.refresh(second.refresh_token, Origin())
    assert len({rig.first, second.refresh_token, third.refresh_token}) == 3
    assert rig.heard.revocations == []


async def test_a02_reuse_ends_the_family_and_is_told(rig: Rig) -> None:
    second = await rig.refreshing.refresh(rig.first, Origin())
    with pytest.raises(Unauthenticated) as refused:
        await rig.refreshing.refresh(rig.first, Origin(ip="203.0.113.7"))
    assert refused.value.code == "invalid_refresh_token"
    assert rig.store.ended is EndReason.REUSE
    assert [told.user_id for told in rig.heard.revocations] == [rig.store.user.id]
    assert [(mail.kind, mail.user_id) for mail in rig.store.mailed] == [(MailKind.REFRESH_REUSED, rig.store.user.id)]
    assert [(entry.event, entry.ip) for entry in rig.store.entries] == [(AuditEvent.REFRESH_REUSED, "203.0.113.7")]
    with pytest.raises(Unauthenticated):
        await rig.refreshing.refresh(second.refresh_token, Origin())
    assert len(rig.heard.revocations) == 1


async def test_an_unknown_or_late_token_ends_nothing(rig: Rig) -> None:
    with pytest.raises(Unauthenticated):
        await rig.refreshing.refresh("unknown", Origin())
    rig.clock.advance(timedelta(days=7).total_seconds())
    with pytest.raises(Unauthenticated):
        await rig.refreshing.refresh(rig.first, Origin())
    assert rig.store.ended is None


async def test_a_token_never_outlives_its_family(rig: Rig) -> None:
    token = rig.first
    for _ in range(6):
        rig.clock.advance(timedelta(days=5).total_seconds() - 1)
        token = (await rig.refreshing.refresh(token, Origin())).refresh_token
    assert rig.store.family is not None
    assert max(row.expires_at for row in rig.store.tokens.values()) == rig.store.family.expires_at
