"""Credentials in places where they must not be. A URL ends up in logs, histories and referrers."""

import re
from collections.abc import Iterable
from typing import Final

KEY_PREFIX: Final = "bwk_"
"""How every API key begins."""

_NAMES: Final = frozenset(
    {
        *("token", "access_token", "refresh_token", "id_token", "jwt", "bearer", "authorization", "auth"),
        *("api_key", "apikey", "x-api-key", "api_secret", "secret", "password", "passwd", "otp"),
    }
)
_VALUE: Final = re.compile(r"bwk_[0-9A-Za-z]{8,}_|eyJ[0-9A-Za-z_-]{8,}\.[0-9A-Za-z_-]+\.")


def exposed_credentials(query: Iterable[tuple[str, str]]) -> list[str]:
    """The names of the query parameters that hold a credential, by their name or by what their value looks like."""
    return sorted({name.lower()[:40] for name, value in query if name.lower() in _NAMES or _VALUE.search(value)})
