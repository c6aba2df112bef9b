"""`breezeway keys | vault | audit`: auth's commands for operators, run against the stack of this data folder.

They work while the stack runs and while it does not: an embedded PostgreSQL that is not running is started for them.
"""

import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import quote, urlsplit, urlunsplit

from breezeway.cli.stack import Place, database_name
from breezeway.embedded.postgres import EmbeddedPostgres
from breezeway.errors import Misconfigured
from breezeway.supervisor import state_file

_BASE = "breezeway"
_PORT_LINE = 3


COMMANDS: Mapping[str, str] = {
    "keys": "rotate the keys that sign access tokens: keys rotate [--leaked | --remove-retired]",
    "vault": "seal broker secrets with the newest key: vault rotate | status",
    "audit": "check that nobody has changed the audit log: audit verify [--anchor HASH]",
}
"""What there is, with a line of help; what follows a name on the command line is for auth's own parser."""


def run(place: Place, name: str, rest: Sequence[str]) -> int:
    """Run one of auth's commands; returns its exit status."""
    command = [sys.executable, "-m", "auth_service.commands", name, *rest]
    if name == "keys" or not rest or {"-h", "--help"} & set(rest):
        return _call(command, place, "")
    with _auth_database(place) as url:
        return _call(command, place, url)


def _call(command: Sequence[str], place: Place, database_url: str) -> int:
    environment = {
        **place.operator,
        **place.secrets,
        "BREEZEWAY_HOME": str(place.home),
        "DATABASE_URL": database_url,
        # Read by the settings, used by none of these commands.
        "REDIS_URL": place.operator.get("REDIS_URL") or "redis://127.0.0.1:1/0",
    }
    return subprocess.run(command, env=environment, check=False).returncode  # noqa: S603 - our own module


@contextmanager
def _auth_database(place: Place) -> Iterator[str]:
    given = place.operator.get("DATABASE_URL")
    if given:
        parts = urlsplit(given)
        yield urlunsplit(parts._replace(path="/" + database_name(parts.path.lstrip("/"), "auth")))
        return
    name = database_name(_BASE, "auth")
    running = state_file.read(place.home / "run" / "state.json")
    if running is not None and running.supervisor.alive:
        yield _running_url(place.home / "postgres", name)
        return
    with EmbeddedPostgres(place.home / "postgres", databases=[name]) as postgres:
        yield postgres.url(name)


def _running_url(folder: Path, database: str) -> str:
    try:
        port = int((folder / "data" / "postmaster.pid").read_text().splitlines()[_PORT_LINE])
        password = (folder / "password").read_text().strip()
    except (OSError, ValueError, IndexError) as error:
        raise Misconfigured(
            f"the stack runs, but its PostgreSQL in {folder} cannot be asked: {error}. Try again in a moment."
        ) from error
    return f"postgresql://postgres:{quote(password)}@127.0.0.1:{port}/{database}"
