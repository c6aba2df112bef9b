"""The `breezeway` command: run the stack, migrate its databases, say how it is."""

import argparse
import asyncio
import json
import os
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import get_args

from breezeway.cli import client_arguments, operating, stack
from breezeway.cli.home import find_root, open_home, secret_environment
from breezeway.errors import BreezewayError, Misconfigured
from breezeway.supervisor import state_file
from breezeway.supervisor.component import Component
from breezeway.supervisor.guard import Guard
from breezeway.supervisor.output import LogFormat, Output
from breezeway.supervisor.ports import PortReservation, is_free
from breezeway.supervisor.supervisor import Supervisor

_DEFAULT_PORT = 8000


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs one command and returns its exit status."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    try:
        if given and given[0] in operating.COMMANDS:
            return operating.run(_place(), given[0], given[1:])
        options = _parser().parse_args(given)
        return int(options.command(options))
    except BreezewayError as error:
        print(f"breezeway: {error.detail}", file=sys.stderr)  # noqa: T201 - a command line talks on its terminal
        return 1


def run(options: argparse.Namespace) -> int:
    """`breezeway run`: the whole stack until a signal comes."""
    place = _place()
    if not is_free(place.host, place.port):
        raise Misconfigured(
            f"port {place.port} on {place.host} is taken by another program. "
            f"Choose another, for example: PORT={place.port + 1} make run",
            code="port_taken",
        )
    guard, ports = Guard(), PortReservation()
    stores = stack.prepare_stores(place, guard, ports)
    components = [
        *stores.components,
        stack.migration_component(place, stores),
        *stack.service_components(place, stores, ports),
    ]
    output = Output([component.name for component in components], options.log_format)
    output.say(f"Starting Breezeway; data in {place.home}", home=str(place.home))
    _supervise(components, place, guard, output, settle=stores.settle)
    ports.release()
    output.say("Stopped.")
    return 0


def migrate(options: argparse.Namespace) -> int:
    """`breezeway migrate`: the stores and the migrations, and nothing else."""
    place = _place()
    guard, ports = Guard(), PortReservation()
    stores = stack.prepare_stores(place, guard, ports)
    databases = [component for component in stores.components if component.name != "valkey"]
    components = [*databases, stack.migration_component(place, stores)]
    output = Output([component.name for component in components], options.log_format)
    _supervise(components, place, guard, output)
    ports.release()
    return 0


def status(options: argparse.Namespace) -> int:
    """`breezeway status`: what runs in the data folder; exit status 1 when nothing does."""
    home = open_home(os.environ, find_root())
    state = state_file.read(_run_folder(home) / "state.json")
    output = Output(list(state.components) if state else [], options.log_format)
    if state is None or not state.supervisor.alive:
        output.say(f"No stack runs in {home}.", home=str(home))
        return 1
    output.say(f"{state.url} (supervisor {state.supervisor.pid})", url=state.url, pid=state.supervisor.pid)
    for name, entry in state.components.items():
        age = time.time() - entry.started  # both are wall-clock: process start times have no other clock
        output.progress(name, entry.state if entry.alive else "dead", age, f"process {entry.pid}")
    return 0


def _supervise(
    components: Sequence[Component],
    place: stack.Place,
    guard: Guard,
    output: Output,
    settle: Callable[[], None] | None = None,
) -> None:
    """Until a signal comes; without `settle`, until all is ready."""

    def announce(seconds: float) -> None:
        if settle is not None:
            _announce(output, place, seconds)
            asyncio.get_running_loop().run_in_executor(None, settle)

    supervisor = Supervisor(
        components,
        run_folder=_run_folder(place.home),
        output=output,
        guard=guard,
        url=place.url,
        on_ready=announce,
        stay=settle is not None,
    )
    asyncio.run(supervisor.run())


def _announce(output: Output, place: stack.Place, seconds: float) -> None:
    lines = ["", f"Breezeway is ready after {seconds:.1f} s: {place.url}", f"  API documentation  {place.url}/docs"]
    if (login := _demo_login(place.home)) is not None:
        lines.append(f"  Demo login         {login[0]} / {login[1]}")
    lines += ["  Ctrl-C stops everything; the data stays.", ""]
    output.say("\n".join(lines), url=place.url, seconds=round(seconds, 1))


def _demo_login(home: Path) -> tuple[str, str] | None:
    """What the seed wrote: `demo.json` with `email` and `password`."""
    try:
        demo = json.loads((home / "demo.json").read_text())
        return str(demo["email"]), str(demo["password"])
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _place() -> stack.Place:
    root = find_root()
    home = open_home(os.environ, root)
    return stack.Place(
        root=root,
        home=home,
        host=os.environ.get("HOST") or "127.0.0.1",
        port=_port(os.environ.get("PORT") or str(_DEFAULT_PORT)),
        secrets=secret_environment(home, os.environ),
        operator=os.environ,
    )


def _port(text: str) -> int:
    if not text.isascii() or not text.isdigit() or not 1 <= int(text) <= 65_535:
        raise Misconfigured(f"PORT must be a number from 1 to 65535, not {text!r}")
    return int(text)


def _run_folder(home: Path) -> Path:
    return home / "run"


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="breezeway",
        description="Market data and trading backend around ICICI Direct's Breeze API.",
        epilog="Environment: PORT, HOST, GATEWAYS, BREEZEWAY_HOME, DATABASE_URL, REDIS_URL, ... (see .env.example).",
    )
    commands = parser.add_subparsers(required=True, metavar="command")
    for command, summary in (
        (run, "start everything and stay in the foreground"),
        (migrate, "bring the databases to the newest schema"),
        (status, "say what runs in the data folder"),
    ):
        each = commands.add_parser(command.__name__, help=summary, description=summary)
        each.add_argument("--log-format", choices=get_args(LogFormat), default=_default_format())
        each.set_defaults(command=command)
    client_arguments.add_commands(commands)
    for name, summary in operating.COMMANDS.items():
        commands.add_parser(name, help=summary)
    return parser


def _default_format() -> str:
    asked = os.environ.get("LOG_FORMAT", "console")
    return asked if asked in get_args(LogFormat) else "console"


if __name__ == "__main__":
    sys.exit(main())
