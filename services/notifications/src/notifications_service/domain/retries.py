"""How long a message that could not be delivered rests, and when it is given up."""

from datetime import timedelta
from typing import Final

GIVE_UP_AFTER: Final = timedelta(days=3)
_LONGEST: Final = timedelta(hours=2)
_GROWTH: Final = 3


def pause_after(attempts: int, first: timedelta, jitter: float) -> timedelta:
    """The rest after so many failed attempts (at least 1).

    Args:
        first: the rest after the first failure; it grows threefold each time, up to two hours.
        jitter: from 0 to 1, at random; spreads what failed together over half of the rest as much again.
    """
    steps = min(max(attempts - 1, 0), 20)
    grown: timedelta = min(first * int(_GROWTH**steps), _LONGEST)
    return grown * (1 + jitter / 2)
