"""The guard: a process that outlives its owner by seconds, to stop what the owner could not.

Started by path with `python -I -S` (standard library only, so it costs a few megabytes and 20 ms). It reads
commands from standard input, which is a pipe that only the owner holds:

    add <process group> <soft signal> <hard signal>
    remove <process group>
    done

End of file without `done` means that the owner died, by whatever cause, `kill -9` included. Every group still
on the list then gets its soft signal, after SOFT_SECONDS its hard one, and at last SIGKILL. A pipe works
alike on Linux and macOS, and, unlike PR_SET_PDEATHSIG, does not fire when merely the *thread* that started a
child ends.
"""

import os
import signal
import sys
import time

SOFT_SECONDS = 4.0
HARD_SECONDS = 2.0


def main() -> int:
    for ignored in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(ignored, signal.SIG_IGN)
    groups: dict[int, tuple[int, int]] = {}
    for line in sys.stdin:
        command, *arguments = line.split()
        if command == "add":
            group, soft, hard = (int(argument) for argument in arguments)
            groups[group] = (soft, hard)
        elif command == "remove":
            groups.pop(int(arguments[0]), None)
        elif command == "done":
            return 0
    stop({group: soft for group, (soft, _) in groups.items()}, SOFT_SECONDS)
    stop({group: hard for group, (_, hard) in groups.items()}, HARD_SECONDS)
    stop(dict.fromkeys(groups, int(signal.SIGKILL)), 0.0)
    return 0


def stop(groups: dict[int, int], seconds: float) -> None:
    """Signals each group and returns as soon as all are gone, or after `seconds`."""
    alive = [group for group, number in groups.items() if reach(group, number)]
    deadline = time.monotonic() + seconds
    while alive and time.monotonic() < deadline:
        time.sleep(0.05)
        alive = [group for group in alive if reach(group, 0)]


def reach(group: int, number: int) -> bool:
    """Sends a signal (0 only asks); False when the group no longer exists."""
    try:
        os.killpg(group, number)
    except ProcessLookupError:
        return False
    except PermissionError:
        # macOS answers EPERM for a group of zombies; nothing in it can be stopped any further.
        return False
    return True


if __name__ == "__main__":
    sys.exit(main())
