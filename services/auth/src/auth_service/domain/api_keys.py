"""API keys: how a program proves who it works for.

    bwk_<id>_<secret>

The id is public and finds the row; the secret is 256 random bits, of which the database keeps the SHA-256. Both are
written in the 62 letters and digits, so a double click selects a key whole and `_` separates its parts for certain.
"""

import hmac
import secrets
import string
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from typing import Final
from uuid import UUID

from auth_service.domain.sign_ins import digest_of

PREFIX: Final = "bwk"
MAX_KEYS_PER_USER: Final = 50
MAX_NETWORKS: Final = 20

_ALPHABET: Final = string.digits + string.ascii_uppercase + string.ascii_lowercase
_ID_LENGTH: Final = 22
_SECRET_LENGTH: Final = 43
_NOBODYS_DIGEST: Final = bytes(32)


@dataclass(frozen=True, slots=True)
class ApiKey:
    """A key as its owner sees it. `networks` are CIDR ranges; empty means from anywhere."""

    id: UUID
    user_id: UUID
    name: str
    scopes: tuple[str, ...]
    networks: tuple[str, ...]
    created_at: datetime
    expires_at: datetime | None = None
    last_used_at: datetime | None = None
    last_used_ip: str | None = None

    @property
    def prefix(self) -> str:
        """The public part, to recognise the key by."""
        return f"{PREFIX}_{_written(self.id.int, _ID_LENGTH)}"

    def has_expired(self, at: datetime) -> bool:
        return self.expires_at is not None and self.expires_at <= at

    def may_come_from(self, ip: str | None) -> bool:
        """Whether the key works from `ip`. An address that cannot be read is nowhere."""
        if not self.networks:
            return True
        address = _address(ip)
        return address is not None and any(address in ip_network(network) for network in self.networks)


def new_key_secret() -> str:
    """256 random bits."""
    return _written(secrets.randbits(256), _SECRET_LENGTH)


def key_text(key: ApiKey, secret: str) -> str:
    """What the user is shown, once."""
    return f"{key.prefix}_{secret}"


def parse_key(text: str) -> tuple[UUID, str] | None:
    """Id and secret of a key; None for what cannot be one."""
    prefix, _, rest = text.partition("_")
    written_id, _, secret = rest.partition("_")
    if prefix != PREFIX or len(written_id) != _ID_LENGTH or len(secret) != _SECRET_LENGTH:
        return None
    number = 0
    for letter in written_id:
        digit = _ALPHABET.find(letter)
        if digit < 0:
            return None
        number = number * len(_ALPHABET) + digit
    return (UUID(int=number), secret) if number < 1 << 128 else None


def secret_fits(secret: str, digest: bytes | None) -> bool:
    """Whether a secret is the one that was digested, in the same time for every secret and for no key at all."""
    return hmac.compare_digest(digest_of(secret), digest or _NOBODYS_DIGEST) and digest is not None


def check_networks(networks: Sequence[str]) -> tuple[str, ...]:
    """The CIDR ranges in one spelling. Raises ValueError, with words for the user."""
    found: dict[str, None] = {}
    for text in networks:
        try:
            # Strict: whoever writes 10.0.0.5/8 may mean one machine or sixteen million.
            found[str(ip_network(text.strip()))] = None
        except ValueError as error:
            raise ValueError(f"{text!r} is no IP range such as 203.0.113.7, 203.0.113.0/24 or 2001:db8::/48") from error
    return tuple(found)


def _address(ip: str | None) -> IPv4Address | IPv6Address | None:
    try:
        address = ip_address(ip or "")
    except ValueError:
        return None
    # A dual-stack socket reports 203.0.113.7 as ::ffff:203.0.113.7; nobody writes his range like that.
    return getattr(address, "ipv4_mapped", None) or address


def _written(number: int, length: int) -> str:
    letters = []
    for _ in range(length):
        number, digit = divmod(number, len(_ALPHABET))
        letters.append(_ALPHABET[digit])
    return "".join(reversed(letters))
