"""The stack that `breezeway run` starts: which processes, in which order, with which environment. Plain data."""

import json
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

from breezeway.embedded.postgres import EmbeddedPostgres
from breezeway.embedded.valkey import EmbeddedValkey
from breezeway.errors import Misconfigured
from breezeway.supervisor.component import AliveReady, Component, HttpReady, RestartPolicy
from breezeway.supervisor.guard import Guard
from breezeway.supervisor.ports import PortReservation

SERVICES_WITH_DATABASE = ("auth", "instruments", "market-data", "trading", "notifications")
"""Folders below `services/`; each has a database of its own."""

Env = Callable[[], Mapping[str, str]]

_EMBEDDED_DATABASE = "breezeway"
_LIBRARIES = {
    "PYTHONUNBUFFERED": "1",
    # A dozen processes on a small machine: no thread pool per process for NumPy, and few malloc arenas to fragment.
    "OPENBLAS_NUM_THREADS": "1",
    "MALLOC_ARENA_MAX": "2",
}

_MOST_GATEWAYS = 64


@dataclass(frozen=True, slots=True)
class Place:
    """Where a stack runs.

    Args:
        root: the checkout.
        home: the data folder.
        host, port: of the gateway.
        secrets: environment with the keys.
        operator: the environment that the operator gave; DATABASE_URL and REDIS_URL in it replace the embedded stores.
    """

    root: Path
    home: Path
    host: str
    port: int
    secrets: Mapping[str, str]
    operator: Mapping[str, str]

    @property
    def url(self) -> str:
        """The gateway's public address."""
        shown = "127.0.0.1" if self.host in {"0.0.0.0", "::"} else self.host  # noqa: S104 - compared, not bound
        return self.operator.get("GATEWAY_URL") or f"http://{shown}:{self.port}"

    @property
    def gateways(self) -> int:
        """How many gateway processes share the port; GATEWAYS in the operator's environment."""
        text = self.operator.get("GATEWAYS") or "1"
        if not text.isascii() or not text.isdigit() or not 1 <= int(text) <= _MOST_GATEWAYS:
            raise Misconfigured(f"GATEWAYS must be a number from 1 to {_MOST_GATEWAYS}, not {text!r}")
        return int(text)


@dataclass(frozen=True, slots=True)
class Stores:
    """The two stores, embedded or the operator's, and the components that start them.

    The URLs are functions because an embedded store makes its password when it starts.
    """

    redis_url: Callable[[], str]
    database_base_url: Callable[[], str]
    components: Sequence[Component]
    settle: Callable[[], None]
    """Once everything has started: leaves little to do again to a store that is killed. Blocks for some seconds."""

    def database_url(self, service: str) -> str:
        """URL of one service's database: `<name>_<service>` on the same server."""
        parts = urlsplit(self.database_base_url())
        return urlunsplit(parts._replace(path="/" + database_name(parts.path.lstrip("/"), service)))

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(component.name for component in self.components)


def database_name(base: str, service: str) -> str:
    """`breezeway` and `market-data` give `breezeway_market_data`."""
    return f"{base}_{service.replace('-', '_')}"


def prepare_stores(place: Place, guard: Guard, ports: PortReservation) -> Stores:
    """Decides on the stores; starts nothing.

    Raises:
        Misconfigured: DATABASE_URL names no database.
    """
    components: list[Component] = []
    given_redis, given_database = place.operator.get("REDIS_URL"), place.operator.get("DATABASE_URL")
    valkey = EmbeddedValkey(place.home / "valkey", durable=True, guard=guard, port=ports.take())
    if not given_redis:
        components.append(Component("valkey", server=valkey))
    names = [database_name(_EMBEDDED_DATABASE, service) for service in SERVICES_WITH_DATABASE]
    postgres = EmbeddedPostgres(place.home / "postgres", guard=guard, databases=names, port=ports.take())
    if not given_database:
        components.append(Component("postgres", server=postgres))
    elif not urlsplit(given_database).path.strip("/"):
        raise Misconfigured("DATABASE_URL must end with a database name; each service gets <name>_<service>")
    else:
        command = (sys.executable, "-m", "breezeway.cli.databases", *SERVICES_WITH_DATABASE)
        components.append(Component("databases", command, one_shot=True))
    return Stores(
        redis_url=lambda: given_redis or valkey.url,
        database_base_url=lambda: given_database or postgres.url(_EMBEDDED_DATABASE),
        components=components,
        settle=_leave if given_database else postgres.settle,
    )


def _leave() -> None:
    """The operator's own server looks after itself."""


def migration_component(place: Place, stores: Stores) -> Component:
    """Brings all databases to the newest schema, in one process."""

    def environment() -> dict[str, str]:
        wanted = {
            str(place.root / "services" / service): stores.database_url(service) for service in SERVICES_WITH_DATABASE
        }
        return {**_LIBRARIES, "BREEZEWAY_MIGRATIONS": json.dumps(wanted), "LOG_FORMAT": "json"}

    return Component(
        "migrate",
        (sys.executable, "-m", "breezeway.cli.migrations"),
        environment,
        after=[name for name in stores.names if name in {"postgres", "databases"}],
        one_shot=True,
        restart=RestartPolicy(start_attempts=1),  # what failed in a migration fails again
        start_timeout=300.0,
    )


def service_components(place: Place, stores: Stores, ports: PortReservation) -> list[Component]:
    """Simulator, services, workers, feed owner, gateway and the demo seed."""
    simulator, auth, instruments, market_data, trading, notifications = (ports.take() for _ in range(6))
    common = {
        **_LIBRARIES,
        **place.secrets,
        "BREEZEWAY_ENVIRONMENT": place.operator.get("BREEZEWAY_ENVIRONMENT", "development"),
        "BREEZEWAY_HOME": str(place.home),
        "LOG_FORMAT": "json",
        "AUTH_URL": f"http://127.0.0.1:{auth}",
        "INSTRUMENTS_URL": f"http://127.0.0.1:{instruments}",
        "MARKET_DATA_URL": f"http://127.0.0.1:{market_data}",
        "TRADING_URL": f"http://127.0.0.1:{trading}",
        "NOTIFICATIONS_URL": f"http://127.0.0.1:{notifications}",
        "GATEWAY_URL": place.url,
        "BREEZE_SIMULATOR_URL": f"http://127.0.0.1:{simulator}",
        # Where the simulator's login page sends the browser back to, as a real app has it registered with ICICI.
        "BREEZE_SIM_REDIRECT_URL": f"{place.url}/api/v1/broker-accounts/callback",
        # Users without a broker account of their own see the demo user's feed.
        "BREEZEWAY_SHARED_FEED_USER": place.operator.get("BREEZEWAY_SHARED_FEED_USER", "demo@example.com"),
        # The operator's DATABASE_URL names the server; a process without a database has no business with it.
        "DATABASE_URL": "",
    }

    def plain() -> dict[str, str]:
        return common

    def with_redis() -> dict[str, str]:
        return {**common, "REDIS_URL": stores.redis_url()}

    def with_database(service: str) -> Callable[[], dict[str, str]]:
        return lambda: {**with_redis(), "DATABASE_URL": stores.database_url(service)}

    def worker(name: str, module: str, service: str) -> Component:
        return Component(
            name,
            (sys.executable, "-m", module),
            with_database(service),
            ready=AliveReady(1.0),
            after=(*stores.names, "migrate"),
        )

    def api(name: str, module: str, port: int, after: Sequence[str], env: Env) -> Component:
        return Component(
            name,
            uvicorn(module, "127.0.0.1", port),
            env,
            ready=HttpReady("127.0.0.1", port),
            after=after,
        )

    redis = [name for name in stores.names if name == "valkey"]
    gateway_probe = place.host if place.host not in {"0.0.0.0", "::"} else "127.0.0.1"  # noqa: S104 - compared
    components = [
        api("simulator", "breeze_simulator.main", simulator, (), plain),
        api("auth", "auth_service.main", auth, (*redis, "migrate"), with_database("auth")),
        api(
            "instruments",
            "instruments_service.main",
            instruments,
            (*redis, "migrate"),
            with_database("instruments"),
        ),
        api(
            "market-data",
            "market_data_service.main",
            market_data,
            (*redis, "migrate"),
            with_database("market-data"),
        ),
        api("trading", "trading_service.main", trading, (*redis, "migrate"), with_database("trading")),
        api(
            "notifications",
            "notifications_service.main",
            notifications,
            (*redis, "migrate"),
            with_database("notifications"),
        ),
        worker("instruments-worker", "instruments_service.worker", "instruments"),
        worker("market-data-worker", "market_data_service.worker", "market-data"),
        worker("feed-owner", "market_data_service.feed_owner", "market-data"),
        worker("trading-worker", "trading_service.worker", "trading"),
        worker("notifications-worker", "notifications_service.worker", "notifications"),
        Component(
            "gateway",
            uvicorn("gateway_service.main", place.host, place.port, workers=place.gateways),
            with_redis,
            ready=HttpReady(gateway_probe, place.port),
            after=redis,
        ),
        Component(
            "seed",
            (sys.executable, "-m", "breezeway.cli.seed"),
            with_redis,
            after=(
                *("gateway", "auth", "instruments", "market-data", "trading", "notifications", "simulator"),
                *("instruments-worker", "market-data-worker", "feed-owner", "trading-worker"),
            ),
            one_shot=True,
            required=False,  # a stack without the demo is still a stack
            start_timeout=120.0,
        ),
    ]
    wants_demo = place.operator.get("BREEZEWAY_DEMO", "on") != "off"
    return [component for component in components if component.name != "seed" or wants_demo]


def uvicorn(module: str, host: str, port: int, *, workers: int = 1) -> tuple[str, ...]:
    """The command that serves `module`'s `create_app`; with several workers, that many processes share the port."""
    return (
        *(sys.executable, "-m", "uvicorn", "--factory", f"{module}:create_app"),
        *("--host", host, "--port", str(port), "--no-access-log", "--log-level", "warning"),
        *("--loop", "uvloop", "--http", "breezeway.http.patient_protocol:PatientProtocol"),
        *("--ws", "websockets-sansio", "--no-server-header"),
        # Whose forwarded headers are believed is for the gateway to know; uvicorn would believe everybody on loopback.
        "--no-proxy-headers",
        # Compressing every frame for every client costs more than the loopback or a proxy's own compression saves.
        *("--ws-per-message-deflate", "false", "--timeout-graceful-shutdown", "8"),
        *(("--workers", str(workers)) if workers > 1 else ()),
    )
