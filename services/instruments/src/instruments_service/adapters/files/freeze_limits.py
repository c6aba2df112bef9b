"""Reads freeze limits: the file that comes with the service, then those of the operator's folder by name."""

import asyncio
import hashlib
from collections.abc import Mapping
from datetime import date
from importlib.resources import files
from pathlib import Path
from typing import Final

import yaml

from breezeway.errors import Misconfigured
from instruments_service.domain.freeze_limits import FreezeLimit, FreezeLimits

_KEYS: Final = {"exchange", "underlying", "from", "quantity"}
_EXCHANGES: Final = ("NFO", "BFO", "CDS", "MCX")


class FreezeLimitFiles:
    """Implements `LimitSource`. Files are read anew at every sync, so that a new one needs no restart."""

    def __init__(self, folder: Path | None) -> None:
        self._folder = folder

    async def read(self) -> FreezeLimits:
        return await asyncio.to_thread(self._read)

    def _read(self) -> FreezeLimits:
        own = files("instruments_service.adapters.files") / "freeze_limits.yaml"
        contents = {"freeze_limits.yaml": own.read_text("utf-8")}
        if self._folder is not None:
            if not self._folder.is_dir():
                raise _refused(f"The folder {self._folder} does not exist")
            for path in sorted(self._folder.glob("*.y*ml")):
                contents[str(path)] = path.read_text("utf-8")
        limits: list[FreezeLimit] = []
        for name, text in contents.items():
            limits += _parsed(name, text)
        digest = hashlib.sha256("\0".join(contents.values()).encode()).hexdigest()
        return FreezeLimits(limits, digest[:16])


def _parsed(name: str, text: str) -> list[FreezeLimit]:
    try:
        document = yaml.safe_load(text) or {}
    except yaml.YAMLError as fault:
        raise _refused(f"{name} is no YAML: {fault}") from fault
    if not isinstance(document, Mapping) or set(document) - {"version", "freeze_quantities"}:
        raise _refused(f"{name} must hold `version` and `freeze_quantities`, nothing else")
    entries = document.get("freeze_quantities") or []
    if not isinstance(entries, list):
        raise _refused(f"{name}: `freeze_quantities` is not a list")
    return [_limit(f"{name}, entry {number}", entry) for number, entry in enumerate(entries, start=1)]


def _limit(where: str, entry: object) -> FreezeLimit:
    if not isinstance(entry, Mapping) or set(entry) != _KEYS:
        raise _refused(f"{where} must have exactly {', '.join(sorted(_KEYS))}")
    exchange, underlying, first, quantity = (entry[key] for key in ("exchange", "underlying", "from", "quantity"))
    if exchange not in _EXCHANGES:
        raise _refused(f"{where}: the exchange is one of {', '.join(_EXCHANGES)}")
    if not isinstance(underlying, str) or not underlying:
        raise _refused(f"{where}: `underlying` is not a text")
    if type(first) is not date:
        raise _refused(f"{where}: `from` is a day, written 2026-08-01 without quotes")
    if type(quantity) is not int or not 0 < quantity < 2**31:
        raise _refused(f"{where}: `quantity` is a whole number above zero")
    return FreezeLimit(exchange, underlying.upper(), first, quantity)


def _refused(why: str) -> Misconfigured:
    return Misconfigured(f"The freeze limits cannot be used. {why}.", code="invalid_exchange_limits")
