"""Files that hold a secret: readable by us alone, made once whoever comes first."""

import contextlib
import os
from collections.abc import Callable
from pathlib import Path

from breezeway.ids import new_id


def read_or_make(path: Path, make: Callable[[], bytes]) -> bytes:
    """The content of `path`, which is made from `make()` when it is absent; two processes get the same."""
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        # Another process may be first; its secret then is the secret.
        with contextlib.suppress(FileExistsError):
            write_new(path, make())
    return path.read_bytes()


def write_new(path: Path, content: bytes) -> None:
    """Write a file that is complete or not there at all. Raises FileExistsError, OSError."""
    draft = path.with_name(f".{path.name}.{new_id().hex}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.link(draft, path)
    finally:
        draft.unlink()
