"""How many handshakes a process takes. Pure; seconds are monotonic."""


class Door:
    """A token bucket: `per_second` on average, twice that at once after a pause."""

    def __init__(self, per_second: float) -> None:
        self._per_second = per_second
        self._tokens = 2 * per_second
        self._at: float | None = None

    def admit(self, now: float) -> bool:
        """Let one in at second `now`, or not."""
        if self._at is not None:
            self._tokens = min(2 * self._per_second, self._tokens + (now - self._at) * self._per_second)
        self._at = now
        if self._tokens < 1:
            return False
        self._tokens -= 1
        return True
