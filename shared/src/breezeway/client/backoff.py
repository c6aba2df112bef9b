"""How long to wait before trying again: random, growing, and never shorter than the server asks for."""

import random
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Backoff:
    """Full jitter: the n-th pause is anything up to `base * 2**n`, at most `cap`. Seconds.

    Clients that lost the same server at the same moment must not come back at the same moment.
    """

    base: float = 0.25
    cap: float = 8.0

    def pause(self, attempt: int, retry_after: float | None = None) -> float:
        """The pause before try number `attempt` (0 is the first retry)."""
        jitter = random.uniform(0, min(self.cap, self.base * 2 ** min(attempt, 30)))  # noqa: S311 - guards no secret
        return jitter if retry_after is None else retry_after + min(jitter, self.base)


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """When to stop: after `attempts` tries, or when the next one would begin `seconds` after the first or later."""

    attempts: int = 5
    seconds: float = 60.0
    backoff: Backoff = Backoff()
