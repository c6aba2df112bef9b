"""What the use cases need from outside. Each port is declared here, by the side that calls it."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from types import TracebackType
from typing import Protocol, Self
from uuid import UUID

from auth_service.domain.api_keys import ApiKey
from auth_service.domain.audit import AuditEntry
from auth_service.domain.broker_accounts import AppKeys, BrokerAccount, OpenedSession, PendingLogin
from auth_service.domain.broker_sessions import BrokerSessionRecord
from auth_service.domain.mails import Mail, MailKind, QueuedMail
from auth_service.domain.sign_ins import EndReason, RefreshToken, SignIn
from auth_service.domain.users import Role, User
from breezeway.breeze.values import BrokerProfile, Funds, Holding, Position
from breezeway.contracts.auth import CredentialsRevoked
from breezeway.contracts.broker import BrokerEnvironment, BrokerSession


class Users(Protocol):
    """The users table."""

    async def add(self, user: User) -> bool:
        """Store a new user; False when the e-mail address is taken."""
        ...

    async def by_id(self, user_id: UUID, *, lock: bool = False) -> User | None: ...

    async def by_email(self, email: str) -> User | None: ...

    async def save(self, user: User) -> None: ...

    async def claim_first(self) -> bool:
        """Whether there is no user yet. Until this transaction ends, nobody else gets True."""
        ...


class SignIns(Protocol):
    """Sign-ins and their refresh tokens."""

    async def start(self, sign_in: SignIn, token: RefreshToken) -> None: ...

    async def spend(self, digest: bytes, at: datetime) -> UUID | None:
        """Use an unused, unexpired token, in one statement. Returns the sign-in it belongs to, or None."""
        ...

    async def touch(self, sign_in_id: UUID, at: datetime) -> SignIn | None:
        """Hold the sign-in and note its use; None when it has ended. Whoever ends it meanwhile waits for us."""
        ...

    async def issue(self, token: RefreshToken) -> None: ...

    async def owner_of(self, digest: bytes, *, spent_only: bool = False) -> SignIn | None:
        """The sign-in that a token belongs to, whatever state either is in, or only if the token was used."""
        ...

    async def end(self, sign_in_id: UUID, user_id: UUID, reason: EndReason, at: datetime) -> bool:
        """End one sign-in of the user; False when it is not theirs or was over already."""
        ...

    async def end_all(self, user_id: UUID, reason: EndReason, at: datetime) -> Sequence[UUID]:
        """End every sign-in of the user; returns which were open."""
        ...

    async def forget(self, over_before: datetime, limit: int) -> int:
        """Delete sign-ins that were over before that moment, with their tokens; returns how many."""
        ...

    async def open_ones(self, user_id: UUID, at: datetime, after: UUID | None, limit: int) -> Sequence[SignIn]: ...


class BrokerAccounts(Protocol):
    """Broker accounts, their keys (sealed at rest) and their sessions."""

    async def add(self, account: BrokerAccount, keys: AppKeys) -> None: ...

    async def count(self, user_id: UUID) -> int: ...

    async def get(self, account_id: UUID, *, owner: UUID | None = None, lock: bool = False) -> BrokerAccount | None:
        """One account; with `owner`, only when it is theirs."""
        ...

    async def page(self, user_id: UUID, after: UUID | None, limit: int) -> Sequence[BrokerAccount]: ...

    async def save(self, account: BrokerAccount, keys: AppKeys | None) -> None: ...

    async def remove(self, account_id: UUID) -> None: ...

    async def keys(self, account_id: UUID) -> AppKeys: ...


class BrokerSessions(Protocol):
    """The session of each broker account; every account has exactly one record."""

    async def get(self, account_id: UUID, *, lock: bool = False) -> BrokerSessionRecord: ...

    async def save(self, record: BrokerSessionRecord, *, opened: OpenedSession | None = None) -> None:
        """Write the record. The session key is replaced by `opened`'s, and erased when the record is not active."""
        ...

    async def secrets(self, account_id: UUID) -> OpenedSession | None: ...

    async def active(self, at: datetime) -> Sequence[BrokerSessionRecord]: ...

    async def newest_active_of(self, user_id: UUID, at: datetime) -> BrokerSessionRecord | None: ...

    async def lapsed(self, at: datetime, limit: int) -> Sequence[BrokerSessionRecord]:
        """Records whose time is over but not yet written down, held by us alone."""
        ...


class PendingLogins(Protocol):
    """Users who are at the broker's login page."""

    async def add(self, pending: PendingLogin, nonce_digest: bytes, at: datetime) -> None: ...

    async def take(self, nonce_digest: bytes, at: datetime) -> PendingLogin | None:
        """Consume the login with this nonce, once."""
        ...

    async def take_newest_of(self, user_id: UUID, at: datetime) -> PendingLogin | None: ...

    async def take_only(self, environment: BrokerEnvironment, at: datetime) -> PendingLogin | None:
        """Consume the only login pending in the whole instance; None when there are several, or one elsewhere."""
        ...


class ApiKeyRows(Protocol):
    """API keys; of the secret only a digest is kept."""

    async def add(self, key: ApiKey, digest: bytes) -> None: ...

    async def count(self, user_id: UUID) -> int: ...

    async def page(self, user_id: UUID, after: UUID | None, limit: int) -> Sequence[ApiKey]: ...

    async def find(self, key_id: UUID) -> tuple[ApiKey, bytes] | None:
        """A key with the digest of its secret."""
        ...

    async def touch(self, key_id: UUID, at: datetime, ip: str | None) -> bool:
        """Note a use; False when the key has been deleted meanwhile."""
        ...

    async def note_refusal(self, key_id: UUID, at: datetime, unless_since: datetime) -> bool:
        """Note a refusal; False when there was another after `unless_since`, or the key is gone."""
        ...

    async def remove(self, user_id: UUID, key_id: UUID) -> bool: ...


class Revocations(Protocol):
    """Revocations that wait for their announcement."""

    async def add(self, revoked: CredentialsRevoked) -> None: ...

    async def take(self, limit: int) -> Sequence[CredentialsRevoked]:
        """Remove some, oldest first, held by us alone; they are back when the transaction fails."""
        ...


class Mails(Protocol):
    """Mails that wait to be sent, and for a while those that were."""

    async def add(self, mail: QueuedMail) -> None: ...

    async def claim(self, at: datetime) -> QueuedMail | None:
        """Take one that is due and let it rest for as long as an attempt to send it may take; None when none is due."""
        ...

    async def sent(self, mail_id: UUID, user_id: UUID, at: datetime) -> None: ...

    async def drop(self, mail_id: UUID) -> None: ...

    async def sent_count(self, user_id: UUID, kind: MailKind, since: datetime) -> int: ...

    async def forget(self, sent_before: datetime) -> int:
        """Delete what was sent before that moment; returns how many."""
        ...


class UnitOfWork(Protocol):
    """One transaction. Leaving without `commit` undoes everything."""

    @property
    def users(self) -> Users: ...
    @property
    def sign_ins(self) -> SignIns: ...
    @property
    def broker_accounts(self) -> BrokerAccounts: ...
    @property
    def broker_sessions(self) -> BrokerSessions: ...
    @property
    def pending_logins(self) -> PendingLogins: ...

    @property
    def api_keys(self) -> ApiKeyRows: ...

    @property
    def revocations(self) -> Revocations: ...

    @property
    def mails(self) -> Mails: ...

    def audit(self, entry: AuditEntry) -> None:
        """Append to the audit log when the transaction commits."""
        ...

    def after_commit(self, effect: Callable[[], Awaitable[object]]) -> None: ...

    async def commit(self) -> None: ...

    async def __aenter__(self) -> Self: ...

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...


UnitsOfWork = Callable[[], UnitOfWork]


class PasswordHasher(Protocol):
    """Slow hashing, off the event loop, a few at a time."""

    async def hash(self, password: str) -> str: ...

    async def verify(self, password: str, hashed: str | None) -> bool:
        """Whether they fit. None as hash takes as long as a wrong password does, and is False."""
        ...

    def needs_rehash(self, hashed: str) -> bool: ...


@dataclass(frozen=True, slots=True)
class AccessToken:
    """A signed access token and how many seconds it lives."""

    token: str
    expires_in: int


class AccessTokens(Protocol):
    """Signs access tokens."""

    def issue(self, user: User, sign_in_id: UUID, at: datetime) -> AccessToken: ...

    def issue_limited(
        self,
        user: User,
        session_id: str,
        role: Role,
        scopes: Sequence[str],
        at: datetime,
        until: datetime | None = None,
    ) -> AccessToken:
        """A token that may do less than its user, and that ends at `until` at the latest."""
        ...


class Mailer(Protocol):
    """Hands a mail over to whoever carries it."""

    async def send(self, mail: Mail) -> None:
        """Raises a BreezewayError when it was not taken; it is tried again later, so a mail may arrive twice."""
        ...


class Announcements(Protocol):
    """Tells the other services what has just become true."""

    async def broker_session(self, session: BrokerSession) -> None: ...

    async def revoked(self, revoked: CredentialsRevoked) -> None:
        """Raises UpstreamUnavailable when nobody could be told."""
        ...


@dataclass(frozen=True, slots=True)
class CallsLeft:
    """What an account may still ask of the broker."""

    minute: int
    today: int


class CallBudget(Protocol):
    """The broker's call quota per account."""

    async def left(self, account_id: UUID) -> CallsLeft: ...


@dataclass(frozen=True, slots=True)
class SessionKeys:
    """All that a signed call in an account's name needs. Never printed."""

    account_id: UUID
    environment: BrokerEnvironment
    app: AppKeys
    session: OpenedSession


class BrokerLogins(Protocol):
    """How a broker session comes to be."""

    def check_environment(self, environment: BrokerEnvironment) -> None:
        """Raise InvalidInput (`simulator_not_configured`) when this instance has no such environment."""
        ...

    def login_page(self, environment: BrokerEnvironment, api_key: str, state: str) -> str:
        """Where the user logs in; `state` comes back with the redirect where the broker carries it."""
        ...

    async def open_session(
        self, account_id: UUID, environment: BrokerEnvironment, app: AppKeys, api_session: str
    ) -> OpenedSession:
        """Exchange the value of the redirect.

        Raises Rejected or Forbidden when the broker refuses it, Retryable when it does not answer. Never
        Unauthenticated: that word is for callers whom *we* do not know.
        """
        ...


class BrokerPortfolio(Protocol):
    """What the broker says of its customer, asked now."""

    async def profile(self, keys: SessionKeys) -> BrokerProfile: ...

    async def funds(self, keys: SessionKeys) -> Funds: ...

    async def holdings(self, keys: SessionKeys) -> Sequence[Holding]: ...

    async def positions(self, keys: SessionKeys) -> Sequence[Position]: ...
