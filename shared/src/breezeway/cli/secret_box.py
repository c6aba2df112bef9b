"""Bytes sealed with a passphrase: scrypt makes the key, AES-256-GCM seals. For the secrets in a backup."""

import os
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.scrypt import Scrypt

from breezeway.errors import Rejected

SHORTEST: Final = 12
_MAGIC: Final = b"BWSEAL1\n"
_SALT, _NONCE = 16, 12


def seal(content: bytes, passphrase: str) -> bytes:
    """Raises Rejected when the passphrase is too short to protect anything."""
    if len(passphrase) < SHORTEST:
        raise Rejected(f"The passphrase needs {SHORTEST} characters or more.", code="weak_passphrase")
    salt, nonce = os.urandom(_SALT), os.urandom(_NONCE)
    return _MAGIC + salt + nonce + AESGCM(_key(passphrase, salt)).encrypt(nonce, content, _MAGIC)


def open_sealed(sealed: bytes, passphrase: str) -> bytes:
    """Raises Rejected when the passphrase is another, or the bytes were changed."""
    start = len(_MAGIC)
    salt, nonce = sealed[start : start + _SALT], sealed[start + _SALT : start + _SALT + _NONCE]
    try:
        # The magic is sealed along: what does not begin with it does not open either.
        return AESGCM(_key(passphrase, salt)).decrypt(nonce, sealed[start + _SALT + _NONCE :], sealed[:start])
    except (InvalidTag, ValueError) as error:
        raise Rejected(
            "The secrets cannot be opened: another passphrase, or a damaged file.", code="wrong_passphrase"
        ) from error


def _key(passphrase: str, salt: bytes) -> bytes:
    # 64 MiB and half a second: whoever has the file may guess as long as they like.
    return Scrypt(salt=salt, length=32, n=2**16, r=8, p=1).derive(passphrase.encode())
