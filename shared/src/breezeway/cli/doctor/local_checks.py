"""What can be seen on this machine without asking anybody: keys, disk, ports, processes, the edge's settings."""

import base64
import binascii
import ipaddress
import json
import shutil
import stat
from collections.abc import Iterable, Iterator
from pathlib import Path
from urllib.parse import urlsplit

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from breezeway.cli.doctor.findings import Finding, fault, note, ok, warning
from breezeway.cli.doctor.installation import Installation
from breezeway.settings import refuse_sample, refuse_sample_password
from breezeway.supervisor.ports import is_free

_KEY_BYTES = 32
_PORT = 8000
_ONE_SHOTS = frozenset({"databases", "migrate", "seed"})
_NEW_KEY = "make one: openssl rand -base64 32"
_REQUIRED = ("BREEZEWAY_INTERNAL_KEY",)
_OF_AUTH = ("BREEZEWAY_VAULT_KEY",)
_FILES = {
    "BREEZEWAY_INTERNAL_KEY": "internal.key",
    "BREEZEWAY_VAULT_KEY": "vault.key",
    "BREEZEWAY_BANK_KEY": "bank.key",
}


def keys(place: Installation) -> Iterator[Finding]:
    """Keys that are missing, short, out of an example, or readable by everybody."""
    for name, file_name in _FILES.items():
        file = place.home / "secrets" / file_name
        given = place.environment.get(name, "")
        if not given and file.exists():
            if file.stat().st_mode & (stat.S_IRWXG | stat.S_IRWXO):
                yield fault("keys", f"{file} can be read by other accounts.", f"chmod 600 {file}; then rotate it")
            given = file.read_text().strip()
        if given:
            yield _key(name, given)
        elif place.is_production and name in (*_REQUIRED, *(_OF_AUTH if _is_auth(place) else ())):
            yield fault("keys", f"{name} is missing.", _NEW_KEY)
    yield from _signing_keys(place)
    for name in ("DATABASE_URL", "REDIS_URL"):
        try:
            refuse_sample_password(name, place.environment.get(name, ""))
        except ValueError as error:
            found = fault if place.is_production else warning
            yield found("keys", str(error).partition(";")[0] + ".", "openssl rand -hex 24, in both places")


def _is_auth(place: Installation) -> bool:
    # Other containers have no business with the vault's key, and are not given it.
    return "BREEZEWAY_SIGNING_KEY_FILE" in place.environment


def _key(name: str, value: str) -> Finding:
    # The vault and bank keys may be several, newest first, for a rotation.
    for each in value.replace(" ", "").split(","):
        raw = each.rpartition(":")[2]
        try:
            refuse_sample(name, raw)
            decoded = base64.b64decode(raw, validate=True)
        except binascii.Error:
            decoded = raw.encode()
        except ValueError:
            return fault("keys", f"{name} is a sample, not a secret.", _NEW_KEY)
        if len(decoded) < _KEY_BYTES:
            return fault("keys", f"{name} has {len(decoded)} bytes; it needs {_KEY_BYTES}.", _NEW_KEY)
    return ok("keys", f"{name} is there")


def _signing_keys(place: Installation) -> Iterator[Finding]:
    given = place.environment.get("BREEZEWAY_SIGNING_KEY_FILE")
    if not given and not place.home.joinpath("secrets").is_dir():
        return
    file = Path(given) if given else place.home / "secrets" / "signing-key.pem"
    found = sorted(file.parent.glob(f"{file.stem}*.pem")) or ([file] if file.exists() else [])
    if not found:
        make = "openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out " + str(file)
        if given:
            yield fault("keys", f"There is no signing key {file}.", make)
        return
    for each in found:
        try:
            key = serialization.load_pem_private_key(each.read_bytes(), password=None)
            good = isinstance(key, ec.EllipticCurvePrivateKey) and isinstance(key.curve, ec.SECP256R1)
        except (ValueError, TypeError, UnsupportedAlgorithm, OSError):
            good = False
        if not good:
            yield fault(
                "keys", f"{each} is no P-256 key that can be read.", "replace it, or remove it if it is a successor"
            )
        elif each.stat().st_mode & (stat.S_IRWXG | stat.S_IRWXO) and not given:
            yield fault(
                "keys", f"{each} can be read by other accounts.", f"chmod 600 {each}; breezeway keys rotate --leaked"
            )
        else:
            yield ok("keys", f"{each.name} signs tokens")


def disk(place: Installation, *, least_bytes: int = 1 << 30, least_share: float = 0.1) -> Iterator[Finding]:
    """Room for the databases. PostgreSQL stops when there is none."""
    if not place.home.exists():
        yield note("disk", f"{place.home} is not there yet")
        return
    usage = shutil.disk_usage(place.home)
    left = f"{usage.free / 2**30:.1f} GiB ({usage.free / usage.total:.0%}) are free for {place.home}"
    if usage.free < least_bytes:
        yield fault("disk", left, "free some outside of it, or move the data folder: BREEZEWAY_HOME")
    elif usage.free / usage.total < least_share:
        yield warning("disk", left, "plan for more: a year of 1-minute bars of 500 instruments takes about 2 GiB")
    else:
        yield ok("disk", left)


def ports(place: Installation) -> Iterator[Finding]:
    """Whether the gateway's port can be had."""
    if place.state is not None or place.is_production:
        return
    text = place.environment.get("PORT") or str(_PORT)
    host = place.environment.get("HOST") or "127.0.0.1"
    if not text.isascii() or not text.isdigit() or not 1 <= int(text) <= 65_535:
        yield fault("ports", f"PORT is {text!r}, which is no port.", "PORT=8000, or leave it out")
    elif not is_free(host, int(text)):
        yield fault("ports", f"Port {text} of {host} is taken by another program.", f"PORT={int(text) + 1} make run")
    else:
        yield ok("ports", f"port {text} is free")


def processes(place: Installation) -> Iterator[Finding]:
    """Parts of a running stack that have died and are not back."""
    state = place.state
    if state is None:
        if not place.is_production:
            yield note("processes", "no stack runs in this data folder: stores and sessions cannot be asked")
        return
    dead = [name for name, entry in state.components.items() if not entry.alive and name not in _ONE_SHOTS]
    if dead:
        yield fault("processes", f"Not running: {', '.join(dead)}.", "see what `breezeway run` printed about them last")
    else:
        yield ok("processes", f"{len(state.components)} processes run under {state.supervisor.pid}")


def edge(place: Installation) -> Iterator[Finding]:
    """Settings of the public side that let in too much, or nobody."""
    url, proxies = place.environment.get("GATEWAY_URL", ""), place.environment.get("BREEZEWAY_TRUSTED_PROXIES", "")
    if place.is_production and url and urlsplit(url).scheme != "https":
        yield fault("edge", f"GATEWAY_URL is {url}: passwords and tokens travel in the open.", "set it to https://…")
    for name in ("BREEZEWAY_ALLOWED_ORIGINS", "BREEZEWAY_ALLOWED_HOSTS", "BREEZEWAY_TRUSTED_PROXIES"):
        if (items := _json_list(place.environment.get(name, ""))) is None:
            yield fault("edge", f"{name} is no JSON list of texts.", f'for example {name}=["10.0.0.0/8"]')
        elif name == "BREEZEWAY_ALLOWED_ORIGINS" and "*" in items and place.is_production:
            yield fault("edge", "Any web page may call the API: BREEZEWAY_ALLOWED_ORIGINS holds *.", "name the origins")
        elif name == "BREEZEWAY_TRUSTED_PROXIES":
            yield from _proxies(items, url, place.is_production)
    if not proxies and url.startswith("https:") and not place.is_production:
        yield warning(
            "edge",
            "GATEWAY_URL is https, so there is a proxy, but none is trusted: limits count its address.",
            'BREEZEWAY_TRUSTED_PROXIES=["127.0.0.1/32"]',
        )


def _proxies(items: Iterable[str], url: str, production: bool) -> Iterator[Finding]:
    for item in items:
        try:
            network = ipaddress.ip_network(item)
        except ValueError:
            yield fault(
                "edge", f"{item!r} in BREEZEWAY_TRUSTED_PROXIES is no address range.", 'for example ["10.0.0.0/8"]'
            )
            continue
        if network.prefixlen == 0:
            yield fault(
                "edge", "Everybody's X-Forwarded-For is believed, so nobody can be limited.", "name the proxies' ranges"
            )


def _json_list(text: str) -> list[str] | None:
    if not text:
        return []
    try:
        items = json.loads(text)
    except ValueError:
        return None
    return items if isinstance(items, list) and all(isinstance(item, str) for item in items) else None
