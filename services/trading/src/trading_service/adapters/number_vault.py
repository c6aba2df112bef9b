"""AES-256-GCM for bank account numbers, bound to table, column and row."""

import base64
import hmac
import os
from hashlib import sha256
from uuid import UUID

from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from breezeway.errors import Misconfigured

_NONCE = 12
_VERSION = b"\x01"


class AesNumberVault:
    """Implements `banking.NumberVault`.

    Args:
        key: 32 bytes in base64.

    Raises:
        Misconfigured: `invalid_bank_key`.
    """

    def __init__(self, key: str) -> None:
        try:
            raw = base64.b64decode(key, validate=True)
        except ValueError:
            raw = b""
        if len(raw) != 32:
            raise Misconfigured("BREEZEWAY_BANK_KEY must be 32 bytes in base64.", code="invalid_bank_key")
        # Two keys of one, so that the fingerprint tells nothing about what encrypts.
        self._cipher = AESGCM(hmac.digest(raw, b"breezeway.bank.cipher", sha256))
        self._print_key = hmac.digest(raw, b"breezeway.bank.print", sha256)

    def seal(self, number: str, row: UUID) -> bytes:
        nonce = os.urandom(_NONCE)
        return _VERSION + nonce + self._cipher.encrypt(nonce, number.encode(), _bound(row))

    def open(self, sealed: bytes, row: UUID) -> str:
        """The number again; cryptography's InvalidTag when it is not that row's."""
        nonce, body = sealed[1 : 1 + _NONCE], sealed[1 + _NONCE :]
        return self._cipher.decrypt(nonce, body, _bound(row)).decode()

    def fingerprint(self, number: str, ifsc: str) -> str:
        return hmac.digest(self._print_key, f"{ifsc}|{number}".encode(), sha256).hex()


def _bound(row: UUID) -> bytes:
    return f"bank_accounts|number_cipher|{row}|1".encode()
