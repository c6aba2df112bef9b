"""Password hashing: the only module that touches passlib. argon2id and nothing else.

passlib is unmaintained, but its argon2 hashes are plain PHC strings that any other library reads, so replacing it is
replacing this file.
"""

import asyncio
import contextlib
import os
import sys
import threading
import warnings
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, TypeVar, TypeVarTuple

if TYPE_CHECKING:
    from passlib.context import CryptContext

T = TypeVar("T")
Args = TypeVarTuple("Args")


_NICENESS: Final = 5
"""A third of the loop's share where both want the processor: enough to let it through, and logins go on beside busy
neighbours.
"""


@dataclass(frozen=True, slots=True)
class HashCost:
    """argon2id's parameters; the defaults are OWASP's minimum. `memory_kib` is needed once per hash under way."""

    memory_kib: int = 19_456
    rounds: int = 2
    parallelism: int = 1


def _yield_to_the_loop() -> None:
    """Give the calling thread a lower priority. As many hashes as processors would otherwise keep the event loop
    waiting for its turn, some forty milliseconds at a time.
    """
    if sys.platform == "linux":  # elsewhere the call means the whole process
        with contextlib.suppress(OSError):  # only slower, where a sandbox forbids it
            os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), _NICENESS)


class PasslibHasher:
    """See `credential_ports.PasswordHasher`. It runs in threads of its own, `at_once` at a time; the rest wait in line.

    The wait is in asyncio, not in the threads' queue, so that a request which gives up stops waiting too.
    """

    def __init__(self, cost: HashCost, *, at_once: int = 2) -> None:
        self._context = _context(cost)
        self._threads = ThreadPoolExecutor(
            max_workers=at_once, thread_name_prefix="password", initializer=_yield_to_the_loop
        )
        self._places = asyncio.Semaphore(at_once)

    async def hash(self, password: str) -> str:
        return await self._run(self._hash, password)

    async def verify(self, password: str, hashed: str | None) -> bool:
        if hashed is None:
            return await self._run(self._dummy)
        return await self._run(self._verify, password, hashed)

    def needs_rehash(self, hashed: str) -> bool:
        return bool(self._context.needs_update(hashed))

    async def warm_up(self) -> None:
        """Make the dummy hash now: the first unknown user would otherwise wait twice as long as the others."""
        await self._run(self._dummy)

    def close(self) -> None:
        self._threads.shutdown(wait=False, cancel_futures=True)

    async def _run(self, work: Callable[[*Args], T], *args: *Args) -> T:
        async with self._places:
            return await asyncio.get_running_loop().run_in_executor(self._threads, work, *args)

    def _hash(self, password: str) -> str:
        return str(self._context.hash(password))

    def _verify(self, password: str, hashed: str) -> bool:
        try:
            return bool(self._context.verify(password, hashed))
        except ValueError:
            return False  # a hash of another scheme, or a broken one: nobody's password

    def _dummy(self) -> bool:
        self._context.dummy_verify()
        return False


def _context(cost: HashCost) -> "CryptContext":
    with warnings.catch_warnings():
        # passlib imports `crypt` and reads `argon2.__version__`; both are deprecated, neither is used.
        warnings.simplefilter("ignore", DeprecationWarning)
        from passlib.context import CryptContext

        context = CryptContext(
            schemes=["argon2"],
            argon2__type="ID",
            argon2__memory_cost=cost.memory_kib,
            argon2__time_cost=cost.rounds,
            argon2__parallelism=cost.parallelism,
        )
        context.hash("the backend is chosen at first use, with the same warnings")
    return context
