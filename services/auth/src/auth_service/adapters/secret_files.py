"""Files that hold a secret: readable by us alone, made once whoever comes first."""

import os
from collections.abc import Callable
from pathlib import Path

from breezeway.ids import new_id


def read_or_make(path: Path, make: Callable[[], bytes]) -> bytes:
    """The content of `path`, which is made from `make()` when it is absent; two processes get the same."""
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        draft = path.with_name(f".{path.name}.{new_id().hex}")
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(make())
        try:
            # `link` fails when another process was first; its secret then is the secret.
            os.link(draft, path)
        except FileExistsError:
            pass
        finally:
            draft.unlink()
    return path.read_bytes()
