"""Loopback ports for the parts of a stack, chosen and kept without racing a neighbour."""

import random
import socket
import sys

from breezeway.errors import Misconfigured

_LOWEST, _HIGHEST = 20_000, 32_000
"""Below the range from which Linux and macOS take the ports of outgoing connections: one of those could otherwise
hold a component's port at the very moment when the component is restarted."""


def is_free(host: str, port: int) -> bool:
    """Whether a server could listen there now."""
    with socket.socket() as probe:
        # As servers do: connections of an earlier server that linger in TIME_WAIT do not make a port "taken".
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
            probe.listen(1)
        except OSError:
            return False
        return True


def free_port() -> int:
    """A port that nobody uses at this moment; retry with another if someone takes it before you do."""
    reservation = PortReservation()
    try:
        return reservation.take()
    finally:
        reservation.release()


class PortReservation:
    """Ports that belong to this process until `release()`, though other programs of ours listen on them.

    On Linux a socket stays bound to each port: strangers' probes fail there, while a server that sets SO_REUSEADDR, as
    uvicorn does, may listen because ours never does. Elsewhere that is not allowed and the ports are only chosen.
    """

    def __init__(self) -> None:
        self._held: list[socket.socket] = []

    def take(self) -> int:
        """A port that nobody else uses.

        Raises:
            Misconfigured: none was found, so something is badly wrong with the network set-up.
        """
        for port in random.sample(range(_LOWEST, _HIGHEST), 200):
            holder = socket.socket()
            try:
                holder.bind(("127.0.0.1", port))
            except OSError:
                holder.close()
                continue
            if sys.platform == "linux":
                # Only now: the bind above must fail for a port that another reservation holds.
                holder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                self._held.append(holder)
            else:
                holder.close()
            return port
        raise Misconfigured("no free loopback port was found among 200 tried")

    def release(self) -> None:
        """Gives all ports back."""
        while self._held:
            self._held.pop().close()
