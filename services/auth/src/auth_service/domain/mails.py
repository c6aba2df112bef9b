"""Mails: which there are, how long each is worth sending, and how often one person gets one.

A mail that waits is only a kind, a recipient and plain facts. Its words, and the single-use token in its link, are made
when it leaves: what waits in the database is of no use to who reads it.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from uuid import UUID

from breezeway.ids import new_id


class MailKind(StrEnum):
    """What a mail is about. Those below the first four are notices: something has changed, and the owner should know
    in case it was not them."""

    RESET_PASSWORD = "reset_password"  # noqa: S105 - the name of a mail
    VERIFY_EMAIL = "verify_email"
    ALREADY_REGISTERED = "already_registered"
    MUST_RESET = "must_reset"
    PASSWORD_CHANGED = "password_changed"  # noqa: S105 - the name of a mail
    PASSWORD_RESET = "password_reset"  # noqa: S105 - the name of a mail
    REFRESH_REUSED = "refresh_reused"
    TOTP_ENABLED = "totp_enabled"
    TOTP_DISABLED = "totp_disabled"
    RECOVERY_CODE_USED = "recovery_code_used"
    CODES_TRIED_OFTEN = "codes_tried_often"
    API_KEY_CREATED = "api_key_created"
    ACCOUNT_DISABLED = "account_disabled"
    ACCOUNT_ENABLED = "account_enabled"


ASKED_FOR = frozenset({MailKind.RESET_PASSWORD, MailKind.VERIFY_EMAIL, MailKind.ALREADY_REGISTERED})
"""Mails that anybody can cause by typing an address; each has a limit."""

LIMIT = 3
"""How many of one kind of `ASKED_FOR` one person gets within `LIMIT_WINDOW`. More are dropped without a word, since the
one who asks must not learn whether there is such a person."""

LIMIT_WINDOW = timedelta(minutes=15)

_NOTICE_WORTH = timedelta(days=3)
_WORTH = {
    MailKind.RESET_PASSWORD: timedelta(hours=1),
    MailKind.VERIFY_EMAIL: timedelta(hours=24),
    MailKind.ALREADY_REGISTERED: timedelta(hours=24),
}
_FIRST_PAUSE = timedelta(seconds=30)
_LONGEST_PAUSE = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class QueuedMail:
    """A mail that waits: for a user, or for whoever has `address`. `facts` are plain words, never a secret."""

    id: UUID
    kind: MailKind
    created_at: datetime
    user_id: UUID | None = None
    address: str | None = None
    facts: Mapping[str, str] = field(default_factory=dict)
    attempts: int = 0

    def is_stale(self, at: datetime) -> bool:
        """Whether it has waited so long that it would only confuse."""
        return at - self.created_at > _WORTH.get(self.kind, _NOTICE_WORTH)


def mail_to_user(kind: MailKind, user_id: UUID, at: datetime, facts: Mapping[str, str] | None = None) -> QueuedMail:
    """A mail for a user whom we know."""
    return QueuedMail(id=new_id(), kind=kind, created_at=at, user_id=user_id, facts=facts or {})


def mail_to_address(kind: MailKind, address: str, at: datetime) -> QueuedMail:
    """A mail that was asked for by typing an address, which may be nobody's."""
    return QueuedMail(id=new_id(), kind=kind, created_at=at, address=address)


def pause_after(attempts: int) -> timedelta:
    """How long a mail rests after that many attempts; the first pause also covers an attempt that is under way."""
    doublings = min(max(attempts - 1, 0), 10)
    return min(_FIRST_PAUSE * (1 << doublings), _LONGEST_PAUSE)
