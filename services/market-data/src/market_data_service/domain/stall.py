"""Is a silent feed a quiet market or a dead socket? Pure; seconds are monotonic."""

from collections import deque


class StallDetector:
    """Judges by the age of the newest data, never by what the socket says of itself.

    How long silence may last depends on how much was heard in the last minute: a feed of 50 shares that pauses for
    twelve seconds is dead, one of a single far option is not. Until something has been heard, patience is `first`.

    Args:
        least: seconds of silence that are always allowed.
        most: seconds of silence that are never allowed while the market is open.
        first: seconds allowed between connecting and the first data.
    """

    def __init__(self, *, least: float = 12.0, most: float = 300.0, first: float = 30.0) -> None:
        self._least = least
        self._most = most
        self._first = first
        self._started: float | None = None
        self._last: float | None = None
        self._seconds: deque[tuple[int, int]] = deque(maxlen=60)

    def connected(self, now: float) -> None:
        """Start judging a new connection."""
        self._started = now
        self._last = None

    def heard(self, now: float, count: int = 1) -> None:
        """Data arrived."""
        self._last = now
        second = int(now)
        if self._seconds and self._seconds[-1][0] == second:
            self._seconds[-1] = (second, self._seconds[-1][1] + count)
        else:
            self._seconds.append((second, count))

    def pause(self, now: float) -> None:
        """The market is closed, or nothing is subscribed: silence up to now means nothing."""
        if self._started is not None:
            self._started = now
        if self._last is not None:
            self._last = now

    def patience(self) -> float:
        """Seconds of silence that are believed."""
        if self._last is None or not self._seconds:
            return self._first
        since = self._last - 60
        heard = sum(count for second, count in self._seconds if second >= since)
        # Twenty expected messages that all fail to come are no accident.
        return min(self._most, max(self._least, 20 * 60 / heard)) if heard else self._most

    def stalled(self, now: float) -> bool:
        since = self._last if self._last is not None else self._started
        return since is not None and now - since > self.patience()
