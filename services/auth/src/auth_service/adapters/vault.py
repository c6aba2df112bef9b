"""The vault: secrets at rest, sealed so that a copy of the database is worth nothing and a row cannot pass for another.

An envelope is made of two AES-256-GCM boxes: a data key of its own seals the secret, the key of the vault (KEK)
seals the data key. Both are bound to table, column, row and KEK version, so an envelope that was moved to
another place does not open.

    0x01 | length of version (1 byte) | version | nonce (12) | sealed data key (48) | nonce (12) | sealed secret

The newest KEK seals; every KEK that is configured opens, which is what rotation needs.
"""

import base64
import binascii
import os
from collections.abc import Mapping
from dataclasses import dataclass

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from breezeway.errors import Misconfigured

_FORMAT = b"\x01"
_NONCE = 12
_KEY = 32
_SEALED_KEY = _KEY + 16


@dataclass(frozen=True, slots=True)
class Place:
    """Where a secret lives; part of what its seal covers."""

    table: str
    column: str
    row: str

    def bound_to(self, version: str) -> bytes:
        # Lengths keep ("ab", "c") from meaning the same as ("a", "bc").
        parts = (self.table, self.column, self.row, version)
        return b"".join(len(raw).to_bytes(2, "big") + raw for raw in (part.encode() for part in parts))


class VaultKeys:
    """The KEKs by version. `newest` seals."""

    def __init__(self, keys: Mapping[str, bytes], newest: str) -> None:
        self._keys = {version: AESGCM(key) for version, key in keys.items()}
        self.newest = newest

    @classmethod
    def parse(cls, text: str, *, refuse_typed: bool = False) -> "VaultKeys":
        """`<base64>` (version `v1`), or several as `v1:<base64>,v2:<base64>`; the last one is the newest.

        Args:
            refuse_typed: refuse a key that is plain text or one byte over and over: a sample, or what a person
            typed. 32
                random bytes look like that once in 10^14.

        Raises:
            Misconfigured: `bad_vault_key`; the message never holds the key.
        """
        keys: dict[str, bytes] = {}
        newest = ""
        for part in (piece.strip() for piece in text.split(",")):
            version, separator, encoded = part.rpartition(":")
            newest = version if separator else "v1"
            if not newest or len(newest.encode()) > 32 or newest in keys:
                raise _bad_key("each version needs a name of its own")
            try:
                keys[newest] = base64.b64decode(encoded, validate=True)
            except (binascii.Error, ValueError) as error:
                raise _bad_key("a key is not base64") from error
            if len(keys[newest]) != _KEY:
                raise _bad_key(f"a key has not {_KEY} bytes")
            if refuse_typed and (len(set(keys[newest])) < 8 or all(32 <= byte < 127 for byte in keys[newest])):
                raise _bad_key("a key is a sample, not random")
        return cls(keys, newest)

    def of(self, version: str) -> AESGCM:
        try:
            return self._keys[version]
        except KeyError:
            raise Misconfigured(
                f"BREEZEWAY_VAULT_KEY lacks version {version!r}, which sealed some of the stored secrets.",
                code="vault_key_missing",
            ) from None


class Vault:
    """Seals and opens secrets."""

    def __init__(self, keys: VaultKeys) -> None:
        self._keys = keys

    @property
    def newest(self) -> str:
        """The version of the key that seals."""
        return self._keys.newest

    def seal(self, secret: str, place: Place) -> bytes:
        """An envelope that only opens at `place`."""
        version = self._keys.newest
        bound = place.bound_to(version)
        data_key, key_nonce, nonce = AESGCM.generate_key(bit_length=256), os.urandom(_NONCE), os.urandom(_NONCE)
        return b"".join(
            (
                prefix_of(version),
                key_nonce,
                self._keys.of(version).encrypt(key_nonce, data_key, bound),
                nonce,
                AESGCM(data_key).encrypt(nonce, secret.encode(), bound),
            )
        )

    def open(self, envelope: bytes, place: Place) -> str:
        """The secret sealed at `place`.

        Raises:
            Misconfigured: `vault_key_missing`, or `vault_sealed` when key and envelope do not fit: the key was replaced
                instead of rotated, or the row was tampered with.
        """
        version = version_of(envelope)
        start = 2 + len(version.encode())
        key_nonce, rest = envelope[start : start + _NONCE], envelope[start + _NONCE :]
        sealed_key, nonce, sealed = (
            rest[:_SEALED_KEY],
            rest[_SEALED_KEY : _SEALED_KEY + _NONCE],
            rest[_SEALED_KEY + _NONCE :],
        )
        bound = place.bound_to(version)
        try:
            data_key = self._keys.of(version).decrypt(key_nonce, sealed_key, bound)
            return AESGCM(data_key).decrypt(nonce, sealed, bound).decode()
        except (InvalidTag, ValueError) as error:
            raise _sealed() from error


def prefix_of(version: str) -> bytes:
    """How every envelope begins that this version of the key has sealed."""
    name = version.encode()
    return _FORMAT + bytes([len(name)]) + name


def version_of(envelope: bytes) -> str:
    """The KEK version that sealed an envelope. Raises Misconfigured (`vault_sealed`) when it is none."""
    if envelope[:1] != _FORMAT or len(envelope) < 2 or len(envelope) < 2 + envelope[1] + 2 * _NONCE + _SEALED_KEY:
        raise _sealed()
    return envelope[2 : 2 + envelope[1]].decode("utf-8", "replace")


def _sealed() -> Misconfigured:
    return Misconfigured(
        "A stored secret does not open with the configured vault key. Restore the key that sealed it, or enter the "
        "broker account's key and secret again.",
        code="vault_sealed",
    )


def _bad_key(why: str) -> Misconfigured:
    return Misconfigured(
        f"BREEZEWAY_VAULT_KEY is not usable: {why}. Make one with: head -c 32 /dev/urandom | base64",
        code="bad_vault_key",
    )
