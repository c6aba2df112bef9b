"""Which limits a request falls under, told by its method and path alone, before anything else is known of it."""

from collections.abc import Mapping
from enum import StrEnum
from typing import Final

from gateway_service.domain.rates import Rate


class RouteClass(StrEnum):
    """Kinds of requests that cost or endanger about the same."""

    CREDENTIALS = "credentials"
    """What tries or changes credentials: everything but reading under `/api/v1/auth/`."""
    WRITE = "write"
    READ = "read"
    EXPORT = "export"
    """Answers of many megabytes: the instruments as CSV, candles in a file format."""
    PAGE = "page"
    """Files of the web app and the documentation."""
    HANDSHAKE = "handshake"
    """Opening a stream."""
    KEY_LOOKUP = "key_lookup"
    """Asking auth about an API key that this process does not remember."""
    EVERYTHING = "everything"
    """The cap over all requests of all parties."""


class Party(StrEnum):
    """Whom a limit is counted against."""

    IP = "ip"
    USER = "user"
    KEY = "key"
    ALL = "all"


Limits = Mapping[RouteClass, Mapping[Party, Rate]]

DEFAULTS: Final[Limits] = {
    RouteClass.CREDENTIALS: {Party.IP: Rate(60, 60), Party.USER: Rate(30, 60)},
    RouteClass.WRITE: {Party.IP: Rate(600, 60), Party.USER: Rate(300, 60), Party.KEY: Rate(300, 60)},
    RouteClass.READ: {Party.IP: Rate(3_000, 60), Party.USER: Rate(1_500, 60), Party.KEY: Rate(1_500, 60)},
    RouteClass.EXPORT: {Party.IP: Rate(60, 60), Party.USER: Rate(30, 60), Party.KEY: Rate(30, 60)},
    RouteClass.PAGE: {Party.IP: Rate(3_000, 60)},
    RouteClass.HANDSHAKE: {Party.IP: Rate(120, 60)},
    RouteClass.KEY_LOOKUP: {Party.IP: Rate(120, 60)},
    RouteClass.EVERYTHING: {Party.ALL: Rate(60_000, 60)},
}
"""Requests in seconds. The README of the gateway has them as a table; `BREEZEWAY_LIMITS` changes single ones."""

_SAFE: Final = frozenset({"GET", "HEAD", "OPTIONS"})
_API: Final = ("/api/", "/udf", "/.well-known/")
_PROBES: Final = frozenset({"/livez", "/readyz", "/metrics"})
_FILE_FORMATS: Final = (b"format=csv", b"format=parquet", b"format=arrow")


def is_api(path: str) -> bool:
    """Whether `path` is answered by a service and not by the web app."""
    return path.startswith(_API)


def class_of(method: str, path: str, query: bytes = b"") -> RouteClass | None:
    """The class of a request; None for the probes, which an orchestrator must always get an answer from."""
    if path in _PROBES:
        return None
    if path.startswith("/ws/"):
        return RouteClass.HANDSHAKE
    if not is_api(path):
        return RouteClass.PAGE
    if method not in _SAFE:
        return RouteClass.CREDENTIALS if path.startswith("/api/v1/auth/") else RouteClass.WRITE
    if path.endswith(".csv.gz") or any(name in query for name in _FILE_FORMATS):
        return RouteClass.EXPORT
    return RouteClass.READ
