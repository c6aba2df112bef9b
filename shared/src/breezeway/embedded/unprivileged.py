"""Runs a command as another account: `unprivileged.py UID GID (plain|traverse) command...`

PostgreSQL refuses to run as root, and a checkout is often below /root, where no other account may even look.
With `traverse` the command keeps CAP_DAC_OVERRIDE and nothing else, so that neither the permissions of the
operator's folders have to be loosened nor the data moved. Started by path with `python -I -S`: standard
library only.
"""

import ctypes
import os
import sys

_PR_SET_KEEPCAPS = 8
_PR_CAP_AMBIENT = 47
_PR_CAP_AMBIENT_RAISE = 2
_CAP_DAC_OVERRIDE = 1
_CAPABILITY_VERSION_3 = 0x20080522


def main(arguments: list[str]) -> int:
    uid, gid, mode, *command = arguments
    libc = ctypes.CDLL(None, use_errno=True)
    if mode == "traverse":
        _checked(libc.prctl(_PR_SET_KEEPCAPS, 1, 0, 0, 0), "keep capabilities")
    os.setgroups([])
    os.setgid(int(gid))
    os.setuid(int(uid))
    if mode == "traverse":
        keep = 1 << _CAP_DAC_OVERRIDE
        header = (ctypes.c_uint32 * 2)(_CAPABILITY_VERSION_3, 0)
        data = (ctypes.c_uint32 * 6)(keep, keep, keep, 0, 0, 0)
        _checked(libc.capset(header, data), "limit capabilities")
        _checked(libc.prctl(_PR_CAP_AMBIENT, _PR_CAP_AMBIENT_RAISE, _CAP_DAC_OVERRIDE, 0, 0), "pass CAP_DAC_OVERRIDE")
    os.umask(0o077)
    os.execv(command[0], command)  # noqa: S606 - the caller builds the command from constants


def _checked(result: int, what: str) -> None:
    if result != 0:
        raise OSError(ctypes.get_errno(), f"cannot {what}")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
