"""`breezeway keys | vault | audit | backup | restore`: commands for operators, on the stack of this data folder.

They work while the stack runs and while it does not: an embedded PostgreSQL that is not running is started for them.
"""

import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import quote, urlsplit, urlunsplit

from breezeway.cli import backup_commands
from breezeway.cli.stack import SERVICES_WITH_DATABASE, Place, database_name
from breezeway.embedded.postgres import EmbeddedPostgres
from breezeway.errors import Misconfigured
from breezeway.supervisor import state_file

_BASE = "breezeway"
_PORT_LINE = 3


COMMANDS: Mapping[str, str] = {
    "keys": "rotate the keys that sign access tokens: keys rotate [--leaked | --remove-retired]",
    "vault": "seal broker secrets with the newest key: vault rotate | status",
    "backup": "write all databases into one file: backup FILE [--secrets] (docs/operations.md)",
    "restore": "bring a backup back: restore FILE [--force]",
    "doctor": "find the usual faults and say what to do: doctor [--json]",
    "audit": "check that nobody has changed the audit log: audit verify [--anchor HASH]",
}
"""What there is, with a line of help; what follows a name on the command line is for auth's own parser."""


def run(place: Place, name: str, rest: Sequence[str]) -> int:
    """Run one of the commands; returns its exit status."""
    if name == "doctor":
        # A process of its own: what it asks with would stay in the supervisor's memory.
        command = [sys.executable, "-m", "breezeway.cli.doctor.main", *rest]
        return subprocess.run(command, check=False).returncode  # noqa: S603 - our own module
    if name in ("backup", "restore"):
        with databases(place) as url_of:
            return backup_commands.run(place, name, rest, url_of, running=stack_runs(place.home))
    command = [sys.executable, "-m", "auth_service.commands", name, *rest]
    if name == "keys" or not rest or {"-h", "--help"} & set(rest):
        return _call(command, place, "")
    with databases(place) as url_of:
        return _call(command, place, url_of("auth"))


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
def databases(place: Place) -> Iterator[Callable[[str], str]]:
    """The URL of each database by its service's name; an embedded server that does not run is run meanwhile."""
    given = place.operator.get("DATABASE_URL")
    if given:
        parts = urlsplit(given)
        base = parts.path.lstrip("/")
        yield lambda service: urlunsplit(parts._replace(path="/" + database_name(base, service)))
        return
    if stack_runs(place.home):
        yield lambda service: _running_url(place.home / "postgres", database_name(_BASE, service))
        return
    names = [database_name(_BASE, service) for service in SERVICES_WITH_DATABASE]
    with EmbeddedPostgres(place.home / "postgres", databases=names) as postgres:
        yield lambda service: postgres.url(database_name(_BASE, service))


def stack_runs(home: Path) -> bool:
    """Whether `breezeway run` works in this data folder."""
    running = state_file.read(home / "run" / "state.json")
    return running is not None and running.supervisor.alive


def _running_url(folder: Path, database: str) -> str:
    try:
        port = int((folder / "data" / "postmaster.pid").read_text().splitlines()[_PORT_LINE])
        password = (folder / "password").read_text().strip()
    except (OSError, ValueError, IndexError) as error:
        raise Misconfigured(
            f"the stack runs, but its PostgreSQL in {folder} cannot be asked: {error}. Try again in a moment."
        ) from error
    return f"postgresql://postgres:{quote(password)}@127.0.0.1:{port}/{database}"
