"""What the use cases need from outside. Each port is declared here, by the side that calls it."""

from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime, timedelta
from types import TracebackType
from typing import Protocol, Self
from uuid import UUID

from auth_service.domain.api_keys import ApiKey
from auth_service.domain.audit import AuditEntry, ChainLink
from auth_service.domain.broker_accounts import AppKeys, BrokerAccount, OpenedSession, PendingLogin
from auth_service.domain.broker_sessions import BrokerSessionRecord
from auth_service.domain.mailed_tokens import MailedToken, TokenPurpose
from auth_service.domain.mails import MailKind, QueuedMail
from auth_service.domain.preferences import Preference
from auth_service.domain.sign_ins import EndReason, RefreshToken, SignIn
from auth_service.domain.users import User
from breezeway.contracts.auth import CredentialsRevoked
from breezeway.contracts.broker import BrokerEnvironment, BrokerSession
from breezeway.contracts.events import Event


class Users(Protocol):
    """The users table."""

    async def add(self, user: User) -> bool:
        """Store a new user; False when the e-mail address is taken."""
        ...

    async def by_id(self, user_id: UUID, *, lock: bool = False) -> User | None: ...

    async def by_email(self, email: str) -> User | None: ...

    async def save(self, user: User) -> None: ...

    async def page(self, after: UUID | None, limit: int, search: str | None) -> Sequence[User]:
        """By id; with `search`, those whose e-mail address contains it."""
        ...

    async def hold_admins(self) -> Sequence[UUID]:
        """The administrators who may sign in, held until the transaction ends."""
        ...

    async def others_than(self, user_id: UUID) -> bool:
        """Whether there is anybody else."""
        ...

    async def remove(self, user_id: UUID) -> None:
        """Delete a user with everything that is theirs."""
        ...

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

    async def end_all(
        self, user_id: UUID, reason: EndReason, at: datetime, *, keep: UUID | None = None
    ) -> Sequence[UUID]:
        """End every sign-in of the user, but for `keep`; returns which were open."""
        ...

    async def end_surplus(self, user_id: UUID, allowed: int, at: datetime) -> Sequence[UUID]:
        """End the open sign-ins that go beyond `allowed`, the longest unused first; returns which."""
        ...

    async def seen_from(self, email: str, ip: str, since: datetime) -> bool:
        """Whether somebody with that address has signed in from that IP after `since`."""
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

    async def ending(self, at: datetime, lead: timedelta, limit: int) -> Sequence[BrokerSessionRecord]:
        """Active sessions that end within `lead`, were open before that, and whose users have not been reminded; held
        by us alone."""
        ...

    async def reminded(self, record: BrokerSessionRecord) -> None:
        """Note that the user has been reminded of this very session."""
        ...

    async def ended_by_midnight(self, user_id: UUID, at: datetime, limit: int) -> Sequence[BrokerSessionRecord]:
        """Sessions of the user at the simulator that time has ended, and nothing else."""
        ...

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


class PreferenceRows(Protocol):
    """Preferences."""

    async def all_of(self, user_id: UUID) -> Sequence[Preference]: ...

    async def count(self, user_id: UUID) -> int: ...

    async def get(self, user_id: UUID, key: str) -> Preference | None: ...

    async def put(self, user_id: UUID, preference: Preference) -> None: ...

    async def remove(self, user_id: UUID, key: str) -> None: ...


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


class MailedTokens(Protocol):
    """Single-use tokens that travel by mail."""

    async def add(self, token: MailedToken) -> None: ...

    async def owner_of(self, digest: bytes, purpose: TokenPurpose, at: datetime) -> UUID | None:
        """Whose token it is, while it can be used."""
        ...

    async def spend(self, digest: bytes, purpose: TokenPurpose, at: datetime) -> UUID | None:
        """Use a token, in one statement. Returns whose it is; None when it cannot be used (any more)."""
        ...

    async def void(self, user_id: UUID, purpose: TokenPurpose) -> None:
        """Make every token of the user for that purpose useless."""
        ...

    async def forget(self, expired_before: datetime) -> int: ...


class SecondFactors(Protocol):
    """Seeds of authenticator apps (sealed at rest), recovery codes (hashed), and how often somebody has tried."""

    async def put(self, user_id: UUID, seed: str, at: datetime) -> None: ...

    async def seed(self, user_id: UUID) -> str | None: ...

    async def spend_step(self, user_id: UUID, step: int) -> bool:
        """Use a time step; False when it, or a later one, has been used. One statement."""
        ...

    async def remove(self, user_id: UUID) -> None:
        """Delete seed and recovery codes."""
        ...

    async def replace_recovery_codes(self, user_id: UUID, digests: Sequence[bytes]) -> None: ...

    async def spend_recovery_code(self, user_id: UUID, digest: bytes, at: datetime) -> bool:
        """Use a recovery code; False when there is none such, or it was used. One statement."""
        ...

    async def recovery_codes_left(self, user_id: UUID) -> int: ...

    async def tries_since(self, user_id: UUID, since: datetime) -> Sequence[datetime]:
        """When somebody tried, oldest first."""
        ...

    async def add_try(self, user_id: UUID, at: datetime) -> UUID: ...

    async def take_back_try(self, try_id: UUID) -> None: ...

    async def forget_tries(self, before: datetime) -> int: ...


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
    def preferences(self) -> PreferenceRows: ...

    @property
    def revocations(self) -> Revocations: ...

    async def audit_page(
        self,
        user_id: UUID | None,
        kind: str | None,
        since: datetime | None,
        until: datetime | None,
        *,
        after: UUID | None,
        limit: int,
    ) -> Sequence[AuditEntry]:
        """Entries of the audit log, newest first, that are older than the entry `after`."""
        ...

    async def audit_chain(self, after: int, limit: int) -> Sequence[ChainLink]:
        """The audit log in the order of its chain, from behind the place `after`."""
        ...

    async def audit_is_final(self) -> bool:
        """Whether the database itself refuses to change the audit log."""
        ...

    @property
    def mails(self) -> Mails: ...

    @property
    def mailed_tokens(self) -> MailedTokens: ...

    @property
    def second_factors(self) -> SecondFactors: ...

    def audit(self, entry: AuditEntry) -> None:
        """Append to the audit log when the transaction commits."""
        ...

    async def tell(self, event: Event) -> None:
        """Have a user notified of something, when this transaction has committed."""
        ...

    def after_commit(self, effect: Callable[[], Awaitable[object]]) -> None: ...

    async def commit(self) -> None: ...

    async def __aenter__(self) -> Self: ...

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...


UnitsOfWork = Callable[[], UnitOfWork]


class Announcements(Protocol):
    """Tells the other services what has just become true."""

    async def broker_session(self, session: BrokerSession) -> None: ...

    async def revoked(self, revoked: CredentialsRevoked) -> None:
        """Raises UpstreamUnavailable when nobody could be told."""
        ...
