"""Users, and the one spelling of an e-mail address that decides whether two are the same."""

import unicodedata
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from uuid import UUID


class Role(StrEnum):
    USER = "user"
    ADMIN = "admin"


_SCOPES = {
    Role.USER: ("read", "data", "trade"),
    Role.ADMIN: ("read", "data", "trade", "admin"),
}


@dataclass(frozen=True, slots=True)
class User:
    """A person with an account here. `password_hash` is a PHC string and never leaves the service."""

    id: UUID
    email: str
    full_name: str | None
    role: Role
    password_hash: str
    created_at: datetime
    disabled_at: datetime | None = None
    email_verified_at: datetime | None = None
    totp_since: datetime | None = None
    """When the second factor was confirmed; None while there is none."""

    @property
    def is_active(self) -> bool:
        return self.disabled_at is None

    @property
    def scopes(self) -> tuple[str, ...]:
        """What an interactive sign-in may do; an API key may be given less."""
        return _SCOPES[self.role]


def normalise_email(email: str) -> str:
    """The form that is stored and compared: NFKC, trimmed, lower case.

    The part before the `@` is lowered as well. The standard lets a server tell `A@x` from `a@x`, but no
    provider does, and two accounts that differ by a capital letter are always a mistake or an attack.
    """
    return unicodedata.normalize("NFKC", email).strip().lower()
