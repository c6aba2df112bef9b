"""What happened at the broker's side: every call and every socket, for tests that ask what really arrived."""

from collections import deque
from collections.abc import Mapping
from datetime import UTC
from itertools import islice

from breezeway.clock import Clock

_SECRETS = frozenset(
    {
        "sessiontoken",
        "x-sessiontoken",
        "token",
        "secret",
        "apisession",
        "api_session",
        "session_token",
        "state",
        "trade_password",
    }
)
_MASK = "***"


class Journal:
    """A bounded ring of entries, numbered without gaps: a reader that falls behind sees that `seq` jumped."""

    def __init__(self, clock: Clock, capacity: int = 20_000) -> None:
        self._clock = clock
        self._entries: deque[dict[str, object]] = deque(maxlen=capacity)
        self._seq = 0

    def record(self, kind: str, **details: object) -> None:
        """Append an entry; `at` is wall time in UTC to the microsecond."""
        self._seq += 1
        at = self._clock.now().astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")
        self._entries.append({"seq": self._seq, "at": at, "kind": kind, **details})

    def since(self, seq: int, limit: int, kind: str | None = None) -> list[dict[str, object]]:
        """The first `limit` entries after number `seq`, of one kind or of all, oldest first."""
        # Numbers are consecutive, so the place of `seq` in the ring follows from the oldest number in it.
        skip = max(0, seq - (self._seq - len(self._entries)))
        later = islice(self._entries, skip, None)
        return list(islice((entry for entry in later if kind in (None, entry["kind"])), limit))

    @property
    def last_seq(self) -> int:
        return self._seq


def masked(values: Mapping[str, object]) -> dict[str, object]:
    """A copy without anything that would let a reader act as the user."""
    return {key: _MASK if key.lower() in _SECRETS else value for key, value in values.items()}
