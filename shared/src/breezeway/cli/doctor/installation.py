"""Where an installation keeps its things, as far as its environment and its data folder tell."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote, urlsplit, urlunsplit

from breezeway.cli.stack import SERVICES_WITH_DATABASE, database_name
from breezeway.supervisor import state_file

_EMBEDDED = "breezeway"
_PORT_LINE = 3


@dataclass(frozen=True, slots=True)
class Installation:
    """What the checks look at.

    Args:
        root: the checkout, or `/app` in the image.
        home: the data folder.
        environment: of the operator, or of the container.
    """

    root: Path
    home: Path
    environment: Mapping[str, str]

    @property
    def is_production(self) -> bool:
        return self.environment.get("BREEZEWAY_ENVIRONMENT") == "production"

    @property
    def state(self) -> state_file.StackState | None:
        """The stack that `breezeway run` keeps in this data folder, when it lives."""
        state = state_file.read(self.home / "run" / "state.json")
        return state if state is not None and state.supervisor.alive else None

    @property
    def gateway_url(self) -> str:
        state = self.state
        return self.environment.get("GATEWAY_URL") or (state.url if state is not None else "")

    @property
    def redis_url(self) -> str | None:
        """None when nothing says where, as for an embedded server that does not run."""
        if given := self.environment.get("REDIS_URL"):
            return given
        if self.state is None:
            return None
        lines = (self.home / "valkey" / "valkey.conf").read_text().splitlines()
        config = dict(line.split(" ", 1) for line in lines if " " in line)
        return f"redis://:{config['requirepass']}@127.0.0.1:{config['port']}/0"

    def database_url(self, service: str) -> str | None:
        """None when nothing says where."""
        if given := self.environment.get("DATABASE_URL"):
            parts = urlsplit(given)
            return urlunsplit(parts._replace(path="/" + database_name(_base(parts.path.lstrip("/")), service)))
        if self.state is None:
            return None
        folder = self.home / "postgres"
        port = int((folder / "data" / "postmaster.pid").read_text().splitlines()[_PORT_LINE])
        password = quote((folder / "password").read_text().strip())
        return f"postgresql://postgres:{password}@127.0.0.1:{port}/{database_name(_EMBEDDED, service)}"


def _base(name: str) -> str:
    """`breezeway` of `breezeway_auth`: a container is told its own service's database."""
    for service in SERVICES_WITH_DATABASE:
        ending = "_" + service.replace("-", "_")
        if name.endswith(ending):
            return name.removesuffix(ending)
    return name


def of_this_process(root: Path) -> Installation:
    """The installation that this process's environment describes."""
    home = Path(os.environ.get("BREEZEWAY_HOME") or root / ".breezeway").expanduser().absolute()
    return Installation(root, home, dict(os.environ))
