"""Marks of known devices: a browser that has signed in gets one, and with it is not kept out by the guesses of others.

A mark opens nothing by itself. It only says which count of attempts a request belongs to, so it is signed, not stored.

    email digest (16) | device (12) | end of validity, epoch seconds (8) | HMAC-SHA256 (32), as base64url
"""

import base64
import binascii
import hashlib
import hmac
import os

from auth_service.domain.sign_ins import DEVICE_KNOWN_FOR
from breezeway.clock import Clock

_DIGEST, _DEVICE, _TIME, _SEAL = 16, 12, 8, 32
_LENGTH = _DIGEST + _DEVICE + _TIME + _SEAL


class SignedDeviceMarks:
    """See `credential_ports.DeviceMarks`.

    Args:
        secret: the key is derived from it, for this purpose only.
    """

    def __init__(self, secret: bytes, clock: Clock) -> None:
        self._key = hmac.digest(secret, b"breezeway device marks, version 1", hashlib.sha256)
        self._clock = clock

    def make(self, email: str) -> str:
        until = int((self._clock.now() + DEVICE_KNOWN_FOR).timestamp())
        body = _digest(email) + os.urandom(_DEVICE) + until.to_bytes(_TIME, "big")
        return base64.urlsafe_b64encode(body + self._seal(body)).decode().rstrip("=")

    def device_of(self, mark: str, email: str) -> str | None:
        try:
            raw = base64.urlsafe_b64decode(mark + "=" * (-len(mark) % 4))
        except (binascii.Error, ValueError):
            return None
        body, seal = raw[:-_SEAL], raw[-_SEAL:]
        if len(raw) != _LENGTH or not hmac.compare_digest(seal, self._seal(body)):
            return None
        until = int.from_bytes(body[-_TIME:], "big")
        if until <= self._clock.now().timestamp() or not hmac.compare_digest(body[:_DIGEST], _digest(email)):
            return None
        return body[_DIGEST : _DIGEST + _DEVICE].hex()

    def _seal(self, body: bytes) -> bytes:
        return hmac.digest(self._key, body, hashlib.sha256)


def _digest(email: str) -> bytes:
    return hashlib.sha256(email.encode("utf-8", "surrogatepass")).digest()[:_DIGEST]
