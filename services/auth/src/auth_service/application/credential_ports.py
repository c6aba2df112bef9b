"""What the use cases need to check and hand out credentials: hashes, codes, tokens, marks and mails."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol
from uuid import UUID

from auth_service.domain.users import Role, User
from breezeway.mail.message import Mail


class PasswordHasher(Protocol):
    """Slow hashing, off the event loop, a few at a time."""

    async def hash(self, password: str) -> str: ...

    async def verify(self, password: str, hashed: str | None) -> bool:
        """Whether they fit. None as hash takes as long as a wrong password does, and is False."""
        ...

    def needs_rehash(self, hashed: str) -> bool: ...


class AppCodes(Protocol):
    """Codes of authenticator apps."""

    def new_seed(self) -> str: ...

    def uri(self, seed: str, account: str) -> str:
        """The `otpauth://` URI of a seed."""
        ...

    def qr_svg(self, uri: str) -> str: ...

    def step_of(self, seed: str, code: str, at: datetime) -> int | None:
        """The time step that the code belongs to, when it is at most one away from now."""
        ...


class DeviceMarks(Protocol):
    """What a browser that has signed in is known by."""

    def make(self, email: str) -> str:
        """A mark for the browser that has just signed in with this normalised address."""
        ...

    def device_of(self, mark: str, email: str) -> str | None:
        """Which device a mark belongs to; None when it is not ours, is for another address, or too old."""
        ...


@dataclass(frozen=True, slots=True)
class AccessToken:
    """A signed access token and how many seconds it lives."""

    token: str
    expires_in: int


class AccessTokens(Protocol):
    """Signs access tokens."""

    def issue(self, user: User, sign_in_id: UUID, at: datetime, *, mfa_at: datetime | None = None) -> AccessToken:
        """A token of a sign-in; `mfa_at` is when the second factor was proved, where it was just now."""
        ...

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


@dataclass(frozen=True, slots=True)
class ReceivedMail:
    """A mail in the development mailbox."""

    id: UUID
    mail: Mail
    sent_at: datetime


class Mailbox(Protocol):
    """Where mails end in development: everybody's, newest first."""

    async def page(self, recipient: str | None, before: UUID | None, limit: int) -> Sequence[ReceivedMail]: ...

    async def get(self, mail_id: UUID) -> ReceivedMail | None: ...
