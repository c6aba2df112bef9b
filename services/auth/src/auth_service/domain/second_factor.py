"""The second factor: codes of an authenticator app, and recovery codes for when the app is lost.

A code of an app is one in a million, so what protects it is how often one may try: five times in a quarter of an hour,
counted before the code is looked at. A recovery code has 84 random bits; the database keeps its SHA-256, bound to the
owner.
"""

import hashlib
import re
import secrets
from datetime import timedelta
from itertools import pairwise
from uuid import UUID

MAX_TRIES = 5
TRIES_WINDOW = timedelta(minutes=15)
RECOVERY_CODES = 10

_ALPHABET = "abcdefghjkmnpqrstuvwxyz23456789"
"""Without what is misread: i, l, o, 0, 1."""
_LENGTH = 17  # 31 ** 17 is more than 2 ** 84
_GROUPS = (0, 6, 12, _LENGTH)
_SEPARATORS = re.compile(r"[\s-]+")
_TOTP = re.compile(r"[0-9]{6}")


def cleaned(code: str) -> str:
    """A code without the spaces and dashes that people type, in lower case."""
    return _SEPARATORS.sub("", code).lower()


def is_app_code(code: str) -> bool:
    """Whether a cleaned code has the form of an authenticator app's; anything else counts as a recovery code."""
    return _TOTP.fullmatch(code) is not None


def new_recovery_codes() -> list[str]:
    """A fresh set, as shown to the user: `xxxxxx-xxxxxx-xxxxx`."""
    plain = ("".join(secrets.choice(_ALPHABET) for _ in range(_LENGTH)) for _ in range(RECOVERY_CODES))
    return ["-".join(code[a:b] for a, b in pairwise(_GROUPS)) for code in plain]


def recovery_digest(user_id: UUID, code: str) -> bytes:
    """What the database keeps of a recovery code."""
    return hashlib.sha256(user_id.bytes + cleaned(code).encode("utf-8", "surrogatepass")).digest()
