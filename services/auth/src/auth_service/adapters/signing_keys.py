"""The keys that sign access tokens: files in a folder, of which the newest signs.

The first key is the file that the settings name; its successors carry the time they were made in their names and lie
beside it, or in a folder of their own. What a key does follows from those times alone, so every process agrees:

    made              it is published in the JWKS
    30 seconds later  it signs; by then every process has read it, and every verifier can fetch it
    its successor has signed for 16.5 minutes: it is retired, because no token that it signed is alive

So nobody ever meets a token whose key they cannot know yet, and nothing restarts.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from itertools import pairwise
from pathlib import Path
from typing import Final

import structlog
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

from auth_service.adapters.secret_files import read_or_make, write_new
from breezeway.errors import Conflict, Misconfigured
from breezeway.security.tokens import ACCESS_LIFETIME_SECONDS, LEEWAY_SECONDS, SigningKey

PUBLISHED_FIRST: Final = timedelta(seconds=30)
"""How long a key is published before it signs: processes look for new files every few seconds, and a verifier asks for
unknown keys at most every five."""

OVERLAP: Final = timedelta(seconds=ACCESS_LIFETIME_SECONDS + LEEWAY_SECONDS + 60)
"""How long a key stays published after the last token that it signed: a token's life, the leeway, and a minute for
clocks that differ."""

_STAMP: Final = "%Y%m%dT%H%M%SZ"
_THE_BEGINNING: Final = datetime.min.replace(tzinfo=UTC)

_log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class DatedKey:
    """A key and when it was made; the first key of an instance is older than any date."""

    key: SigningKey
    made_at: datetime
    path: Path


class KeyRing:
    """All keys there are, oldest first; never empty."""

    def __init__(self, keys: Sequence[DatedKey]) -> None:
        self.keys: Sequence[DatedKey] = sorted(keys, key=lambda each: each.made_at)

    def signing(self, at: datetime) -> SigningKey:
        """The key that signs at that moment."""
        ready = [each for each in self.keys if _signs_from(each) <= at]
        return (ready[-1] if ready else self.keys[0]).key

    def published(self, at: datetime) -> Sequence[SigningKey]:
        """The keys whose tokens count at that moment."""
        retired = {each.path for each in self.retired(at)}
        return [each.key for each in self.keys if each.path not in retired]

    def retired(self, at: datetime) -> Sequence[DatedKey]:
        """The keys that signed no token that is still alive, and will sign none."""
        successors = pairwise(self.keys)
        return [old for old, new in successors if _signs_from(new) + OVERLAP <= at]


class SigningKeyFiles:
    """The key ring on disk.

    Args:
        first: PEM file with the first key.
        folder: where successors lie; beside the first when omitted.
        generate: make the first key, readable by us alone, when there is none at all.
    """

    def __init__(self, first: Path, folder: Path | None = None, *, generate: bool = False) -> None:
        self._first = first
        self._folder = folder or first.parent
        self._generate = generate

    def read(self) -> KeyRing:
        """Every key there is. Raises Misconfigured: `signing_key_missing`, `bad_signing_key`."""
        keys = self._successors()
        if self._first.exists() or not keys:
            keys.append(DatedKey(load_signing_key(self._first, generate=self._generate), _THE_BEGINNING, self._first))
        return KeyRing(keys)

    def add(self, at: datetime) -> SigningKey:
        """Make the next key. It signs in half a minute.

        Raises:
            Conflict: `signing_key_just_made`, within a second of the one before.
            Misconfigured: `signing_keys_not_writable`.
        """
        self.read()  # what cannot be read must not be rotated away from: it may still have tokens
        path = self._folder / f"{self._first.stem}-{at.astimezone(UTC):{_STAMP}}.pem"
        try:
            self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            write_new(path, _new_pem())
        except FileExistsError as error:
            raise Conflict("A signing key was made within this second.", code="signing_key_just_made") from error
        except OSError as error:
            raise Misconfigured(
                f"No key can be written into {self._folder} ({error.strerror}). Set BREEZEWAY_SIGNING_KEY_FOLDER to a "
                "folder that is kept and that every auth process reads.",
                code="signing_keys_not_writable",
            ) from error
        return load_signing_key(path, generate=False)

    def remove_retired(self, at: datetime) -> Sequence[str]:
        """Delete the keys that nobody needs any more; returns their names. One that we may not delete stays: it is
        retired all the same."""
        return self._remove(self.read().retired(at))

    def remove_all_but(self, kid: str) -> Sequence[str]:
        """Delete every other key, for when one has leaked; returns their names.

        Raises:
            Misconfigured: `signing_keys_not_writable`, when one cannot be deleted and so still counts.
        """
        others = [each for each in self.read().keys if each.key.kid != kid]
        removed = self._remove(others)
        if len(removed) < len(others):
            raise Misconfigured(
                f"{len(others) - len(removed)} old signing keys could not be deleted and still count. Delete them by "
                "hand; where the first key is a mounted secret, replace it.",
                code="signing_keys_not_writable",
            )
        return removed

    def _remove(self, keys: Sequence[DatedKey]) -> Sequence[str]:
        removed = []
        for each in keys:
            try:
                each.path.unlink(missing_ok=True)
            except OSError as error:
                _log.warning("signing_key_not_removed", path=str(each.path), error=error.strerror)
            else:
                removed.append(each.key.kid)
        return removed

    def _successors(self) -> list[DatedKey]:
        found = []
        for path in self._folder.glob(f"{self._first.stem}-*.pem"):
            try:
                stamp = path.stem.removeprefix(f"{self._first.stem}-")
                made_at = datetime.strptime(stamp, _STAMP).replace(tzinfo=UTC)
            except ValueError:
                continue  # somebody's copy, not one of ours
            found.append(DatedKey(load_signing_key(path, generate=False), made_at, path))
        return found


class WatchedKeys:
    """The key ring as it was last read. `look_again` is to be called every few seconds."""

    def __init__(self, files: SigningKeyFiles) -> None:
        self._files = files
        self._ring = files.read()

    @property
    def ring(self) -> KeyRing:
        return self._ring

    async def look_again(self) -> int:
        """Read the files again; what cannot be read leaves the ring as it was. Returns 0: there is never more to do."""
        try:
            self._ring = await asyncio.to_thread(self._files.read)
        except Misconfigured as error:
            _log.error("signing_keys_unreadable", code=error.code, detail=error.detail)
        return 0


def load_signing_key(path: Path, *, generate: bool) -> SigningKey:
    """The ES256 key in the PEM file at `path`, named by its public half.

    Args:
        generate: make the file (readable by us alone) when it is absent.

    Raises:
        Misconfigured: `signing_key_missing`, `bad_signing_key`.
    """
    try:
        pem = read_or_make(path, _new_pem) if generate else path.read_bytes()
    except OSError as error:
        raise Misconfigured(
            f"The signing key {path} cannot be read ({error.strerror}). Set BREEZEWAY_SIGNING_KEY_FILE to a PEM file "
            "with a P-256 private key: openssl ecparam -name prime256v1 -genkey -noout",
            code="signing_key_missing",
        ) from error
    try:
        key = SigningKey.from_pem("unnamed", pem)
    except ValueError as error:
        raise Misconfigured(f"{path} holds no P-256 private key in PEM form.", code="bad_signing_key") from error
    public = key.private.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    # The name follows from the key, so every process that loads it calls it the same.
    return SigningKey(kid=sha256(public).hexdigest()[:16], private=key.private)


def _signs_from(key: DatedKey) -> datetime:
    return key.made_at if key.made_at == _THE_BEGINNING else key.made_at + PUBLISHED_FIRST


def _new_pem() -> bytes:
    return generate_private_key(SECP256R1()).private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
