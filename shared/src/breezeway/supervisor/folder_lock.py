"""One owner per folder, for as long as the owner lives."""

import fcntl
import os
import time
from pathlib import Path

from breezeway.errors import Misconfigured

_POLL_SECONDS = 0.05


class FolderLock:
    """An advisory lock on `<folder>/<name>`, released by the kernel when the process dies, however it dies.

    The file stays when the lock is released: removing it would let two processes lock two different files of
    one name.
    """

    def __init__(self, folder: Path, *, name: str = "lock", what: str = "this folder") -> None:
        self._path = folder / name
        self._what = what
        self._descriptor: int | None = None

    def acquire(self, *, timeout: float = 0.0) -> None:
        """Takes the lock, waiting at most `timeout` seconds.

        Raises:
            Misconfigured: another process holds it; the message names its process id.
        """
        descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        deadline = time.monotonic() + timeout
        while True:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() < deadline:
                    time.sleep(_POLL_SECONDS)
                    continue
                owner = os.read(descriptor, 32).decode(errors="replace").strip() or "unknown"
                os.close(descriptor)
                raise Misconfigured(
                    f"{self._what} ({self._path.parent}) is in use by process {owner}. "
                    "Stop that one, or choose another folder.",
                    code="folder_in_use",
                ) from None
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, f"{os.getpid()}\n".encode(), 0)
        self._descriptor = descriptor

    def release(self) -> None:
        """Gives the lock back; does nothing when it is not held."""
        descriptor, self._descriptor = self._descriptor, None
        if descriptor is not None:
            os.close(descriptor)
