"""Preferences: what front ends keep for a user, layouts for example. To us a JSON text under a name."""

import hashlib
from dataclasses import dataclass
from datetime import datetime
from typing import Final

MAX_BYTES: Final = 65_536
MAX_KEYS_PER_USER: Final = 100
KEY_PATTERN: Final = r"^[A-Za-z0-9][A-Za-z0-9._:-]{0,99}$"


@dataclass(frozen=True, slots=True)
class Preference:
    """One stored value. `text` is JSON."""

    key: str
    text: str
    updated_at: datetime

    @property
    def etag(self) -> str:
        """Changes with the value."""
        return f'"{hashlib.sha256(self.text.encode()).hexdigest()[:32]}"'


def matches(condition: str, etag: str | None) -> bool:
    """Whether an If-Match or If-None-Match names what is stored; `etag` is None for nothing."""
    if etag is None:
        return False
    return condition.strip() == "*" or etag in (part.strip().removeprefix("W/") for part in condition.split(","))
