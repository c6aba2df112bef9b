"""Which account a server runs as, and how to get there from root."""

import os
import pwd
import stat
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from breezeway.errors import Misconfigured


@dataclass(frozen=True, slots=True)
class Account:
    """An account other than root."""

    uid: int
    gid: int

    def own(self, path: Path) -> None:
        """Makes the account the owner of one file or folder."""
        os.chown(path, self.uid, self.gid)

    def wrap(self, command: Sequence[str], *, touching: Sequence[Path]) -> list[str]:
        """The command that runs `command` as this account, able to reach the `touching` paths."""
        reachable = all(_others_may_reach(path, self) for path in touching)
        script = Path(__file__).with_name("unprivileged.py")
        return [
            *(sys.executable, "-I", "-S", str(script), str(self.uid), str(self.gid)),
            "plain" if reachable else "traverse",
            *command,
        ]


def account_for(folder: Path) -> Account | None:
    """The account for a server whose data is in `folder`; None means "as we are", which is right for every
    user but root.

    Under root it is the owner of existing data, so that one folder can be used by a user and by root in turn,
    and otherwise `nobody`: it exists everywhere, and no account has to be created for us.
    """
    if os.geteuid() != 0:
        return None
    owner = folder.stat().st_uid if folder.exists() else 0
    if owner != 0:
        return Account(owner, folder.stat().st_gid)
    try:
        entry = pwd.getpwnam("nobody")
    except KeyError:
        raise Misconfigured(
            "PostgreSQL does not run as root and this machine has no account 'nobody'. Run as a normal user, "
            "or set DATABASE_URL to a server of your own."
        ) from None
    return Account(entry.pw_uid, entry.pw_gid)


def _others_may_reach(path: Path, account: Account) -> bool:
    for part in (path, *path.parents):
        status = part.stat()
        if status.st_uid == account.uid:
            wanted = stat.S_IXUSR
        elif status.st_gid == account.gid:
            wanted = stat.S_IXGRP
        else:
            wanted = stat.S_IXOTH
        if not status.st_mode & wanted:
            return False
    return True
