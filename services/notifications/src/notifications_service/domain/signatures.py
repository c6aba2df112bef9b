"""Secrets and signatures of webhooks, those that leave and those that come in.

A secret is derived, not stored: whoever reads the database can sign nothing.
"""

import hashlib
import hmac
from base64 import urlsafe_b64encode
from typing import Final
from uuid import UUID

TOLERANCE_SECONDS: Final = 300
"""How old a signed request may be."""


class SecretKey:
    """Derives the secrets of hooks from the deployment's key.

    Args:
        key: any secret text of the deployment; another key means other secrets.
    """

    def __init__(self, key: str) -> None:
        self._key = hashlib.sha256(b"breezeway.hooks\0" + key.encode()).digest()

    def secret(self, purpose: str, hook_id: UUID, nonce: bytes) -> str:
        """The secret of one hook; a new nonce gives a new one."""
        digest = hmac.new(self._key, b"\0".join((purpose.encode(), hook_id.bytes, nonce)), hashlib.sha256).digest()
        return f"bwh_{urlsafe_b64encode(digest).rstrip(b'=').decode()}"


def sign(secret: str, timestamp: int, body: bytes) -> str:
    """The hexadecimal HMAC-SHA256 of `<timestamp>.<body>`."""
    return hmac.new(secret.encode(), str(timestamp).encode() + b"." + body, hashlib.sha256).hexdigest()


def header(secret: str, timestamp: int, body: bytes) -> str:
    """`t=<epoch seconds>,v1=<signature>`."""
    return f"t={timestamp},v1={sign(secret, timestamp, body)}"


def is_signed(secret: str, given: str, body: bytes, now: int) -> bool:
    """Whether `given` is a header as `header` makes them, not older or newer than five minutes. In constant time."""
    parts = dict(part.partition("=")[::2] for part in given.split(",")[:4])
    stamp = parts.get("t", "")
    timestamp = int(stamp) if stamp.isascii() and stamp.isdigit() and len(stamp) <= 12 else 0
    same = hmac.compare_digest(sign(secret, timestamp, body).encode(), parts.get("v1", "").encode(errors="replace"))
    return same and abs(now - timestamp) <= TOLERANCE_SECONDS


def is_secret(secret: str, given: str) -> bool:
    """Whether both are the same, in constant time."""
    return hmac.compare_digest(secret.encode(), given.encode(errors="replace"))
