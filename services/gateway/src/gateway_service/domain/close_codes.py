"""Why a stream connection is closed, as a number that tells the client what to do next.

4400-4499 mean "reconnect", 4500-4599 mean "do not, something on your side has to change first".
"""

from enum import IntEnum


class CloseCode(IntEnum):
    """The only close codes that the stream sends on purpose. The web app's copy is generated from this class."""

    UNAUTHENTICATED = 4401
    """No token in time, or it is not valid any more: get a fresh one, then reconnect."""
    TOO_SLOW = 4408
    """The client did not read fast enough; reconnect and subscribe to less."""
    GOING_AWAY = 4410
    """This process is shutting down; reconnect after a short random pause."""
    INTERNAL = 4411
    """We failed; reconnect after a pause."""
    BAD_REQUEST = 4500
    """A frame that no client of ours would send."""
    FORBIDDEN = 4503
    """The user may not use the stream."""
    TOO_MANY_CONNECTIONS = 4504
    """The user already has as many connections as allowed."""


def may_reconnect(code: int) -> bool:
    """Whether a client that was closed with `code` should come back by itself."""
    return not 4500 <= code <= 4599
