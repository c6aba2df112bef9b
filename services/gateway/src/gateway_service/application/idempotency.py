"""`Idempotency-Key`: the same request sent twice takes effect once.

The first request claims the key; until it has answered, a second is told so (409); afterwards it gets the first answer
again. The same key with another body is a mistake of the client and refused (422).
"""

import hashlib
from dataclasses import dataclass
from typing import Protocol

from breezeway.errors import Conflict, InvalidInput

MAX_KEY_LENGTH = 128
KEPT_SECONDS = 24 * 3600
IN_FLIGHT_SECONDS = 60
"""How long a claim is held when the process that holds it dies."""

NOT_KEPT = frozenset({401, 403, 408, 413, 429, 503})
"""Answers that took no effect and may be different next time: the key is free again."""


_SHOWN_ONCE = 0
"""In place of the status of an answer that must not be kept."""


@dataclass(frozen=True, slots=True)
class StoredAnswer:
    """An answer as it was first given."""

    status: int
    headers: list[tuple[str, str]]
    body: bytes


@dataclass(frozen=True, slots=True)
class Claim:
    """What is known about a key: whose body it was used with, and the answer once there is one."""

    fingerprint: str
    answer: StoredAnswer | None


class ClaimStore(Protocol):
    """Where claims are kept."""

    async def claim(self, key: str, fingerprint: str, seconds: int) -> Claim | None:
        """Claim `key` atomically; None when it was free, else what it holds."""

    async def keep(self, key: str, fingerprint: str, answer: StoredAnswer, seconds: int) -> None:
        """Remember the answer."""

    async def release(self, key: str) -> None:
        """Forget the claim."""


def storage_key(caller: str, method: str, path: str, key: str) -> str:
    """Keys belong to a caller and a route: another user's equal key is another key."""
    return hashlib.sha256("\0".join((caller, method, path, key)).encode()).hexdigest()


def fingerprint(query: bytes, body: bytes) -> str:
    """What makes two requests the same."""
    return hashlib.sha256(query + b"\0" + body).hexdigest()


async def begin(store: ClaimStore, key: str, print_: str) -> StoredAnswer | None:
    """Claim `key` for a request; an answer is returned when this request was already answered.

    Raises:
        InvalidInput: `idempotency_key_reused`, the key was used with another body.
        Conflict: `request_in_flight`, the first request has not been answered yet.
    """
    held = await store.claim(key, print_, IN_FLIGHT_SECONDS)
    if held is None:
        return None
    if held.fingerprint != print_:
        raise InvalidInput(
            "This Idempotency-Key was already used with another request. Use a new key for a new request.",
            code="idempotency_key_reused",
        )
    if held.answer is None:
        raise Conflict(
            "The first request with this Idempotency-Key is still being worked on.",
            code="request_in_flight",
            retry_after=1,
        )
    if held.answer.status == _SHOWN_ONCE:
        raise Conflict(
            "This request was answered already, with something that is shown only once. Look at what there is now.",
            code="answer_not_kept",
        )
    return held.answer


def keepable(answer: StoredAnswer) -> StoredAnswer:
    """What may be remembered of an answer.

    One that says `no-store` holds a secret which is shown once, such as an API key: only the fact is kept, so that
    nothing happens twice, and no secret lies in Redis for a day.
    """
    directives = [value for name, value in answer.headers if name.lower() == "cache-control"]
    if any("no-store" in value.lower() for value in directives):
        return StoredAnswer(_SHOWN_ONCE, [], b"")
    return answer
