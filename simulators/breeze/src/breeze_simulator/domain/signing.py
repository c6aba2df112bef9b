"""How a call to the broker proves who sends it."""

import base64
import binascii
import hmac
from datetime import datetime
from hashlib import sha256

TOKEN_PREFIX = "token "  # noqa: S105 - the scheme word of a header, not a secret


def checksum(timestamp: str, body: bytes, secret: str) -> str:
    """The lowercase hex digest that signs `body`, byte for byte as it was sent (an empty body is the text `{}`)."""
    return sha256(timestamp.encode() + body + secret.encode()).hexdigest()


def checksum_matches(header: str, timestamp: str, body: bytes, secret: str) -> bool:
    """Whether the `X-Checksum` header is right; the comparison takes the same time either way."""
    expected = TOKEN_PREFIX + checksum(timestamp, body, secret)
    return hmac.compare_digest(header.encode("utf-8", "replace"), expected.encode())


def parse_timestamp(text: str) -> datetime | None:
    """The aware time of an `X-Timestamp` (`2026-08-03T09:15:00.000Z`, real UTC here), or None when it is none."""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    return moment if moment.tzinfo is not None else None


def pack_session(user_id: str, session_key: str) -> str:
    """The `session_token` of customerdetails, which is also the later `X-SessionToken`."""
    return base64.b64encode(f"{user_id}:{session_key}".encode()).decode()


def unpack_session(token: str) -> tuple[str, str] | None:
    """`(user_id, session_key)` of an `X-SessionToken`, or None when it is garbage."""
    try:
        user_id, colon, session_key = base64.b64decode(token, validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError, ValueError):
        return None
    return (user_id, session_key) if colon else None
