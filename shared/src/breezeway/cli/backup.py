"""A backup: one tar file with a dump of every database, a manifest with checksums, and the secrets when asked for.

Each dump is one consistent snapshot of its database. Databases share nothing but events, which every service takes
twice as well as once. Valkey is not in it: what it holds is made anew.
"""

import base64
import hashlib
import io
import json
import os
import tarfile
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from breezeway.cli import postgres_tools, secret_box
from breezeway.errors import Conflict, InvalidInput

MANIFEST: Final = "manifest.json"
SECRETS: Final = "secrets.sealed"
FORMAT: Final = 1
_TABLES: Final = (
    "SELECT count(*) FROM information_schema.tables WHERE table_schema NOT IN ('pg_catalog', 'information_schema')"
)
_PIECE = 1 << 20

UrlOf = Callable[[str], str]
Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Secrets:
    """What unlocks the data: files of the secrets folder by name, and variables that the operator set."""

    files: Mapping[str, bytes]
    environment: Mapping[str, str]

    def pack(self) -> bytes:
        files = {name: base64.b64encode(content).decode() for name, content in self.files.items()}
        return json.dumps({"files": files, "environment": dict(self.environment)}).encode()

    @classmethod
    def unpack(cls, packed: bytes) -> "Secrets":
        raw = json.loads(packed)
        return cls({name: base64.b64decode(text) for name, text in raw["files"].items()}, raw["environment"])


def write(
    target: Path, services: Sequence[str], url_of: UrlOf, say: Say, *, secrets: Secrets | None, passphrase: str
) -> None:
    """Write the backup; the file appears under its name only once it is complete.

    Raises:
        Conflict: the file exists.
        Misconfigured: a database cannot be dumped.
    """
    if target.exists():
        raise Conflict(f"{target} exists; name another file.", code="backup_exists")
    manifest: dict[str, Any] = {"format": FORMAT, "made": datetime.now(UTC).isoformat(), "databases": {}}
    with tempfile.TemporaryDirectory(prefix=".breezeway-backup-", dir=target.parent) as folder:
        work = Path(folder)
        for service in services:
            dump = work / f"{service}.dump"
            url = url_of(service)
            postgres_tools.run("pg_dump", ["--format=custom", "--no-owner", "--no-privileges", f"--file={dump}"], url)
            manifest["databases"][service] = {
                "file": dump.name,
                "bytes": dump.stat().st_size,
                "sha256": _checksum(dump),
                "revision": _revision(url),
            }
            say(f"{service}: {dump.stat().st_size:,} bytes")
        if secrets is not None:
            sealed = secret_box.seal(secrets.pack(), passphrase)
            (work / SECRETS).write_bytes(sealed)
            manifest["secrets"] = {"file": SECRETS, "sha256": hashlib.sha256(sealed).hexdigest()}
        (work / MANIFEST).write_text(json.dumps(manifest, indent=1))
        unfinished = work / "backup.tar"
        with open(os.open(unfinished, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600), "wb") as file:
            with tarfile.open(fileobj=file, mode="w") as tar:
                for name in (MANIFEST, *(each["file"] for each in _parts(manifest))):
                    tar.add(work / name, arcname=name)
            file.flush()
            os.fsync(file.fileno())
        unfinished.rename(target)


def read_manifest(source: Path) -> dict[str, Any]:
    """The manifest of a backup whose every part is there and unchanged.

    Raises:
        InvalidInput: it is no backup, one of another format, or a damaged one; nothing was touched.
    """
    try:
        with tarfile.open(source) as tar:
            manifest: dict[str, Any] = json.loads(_member(tar, MANIFEST).read())
            if manifest["format"] != FORMAT:
                raise InvalidInput(f"{source} has format {manifest['format']}, which this version does not know.")
            for part in _parts(manifest):
                if _digest(_member(tar, part["file"])) != part["sha256"]:
                    raise InvalidInput(
                        f"{source} is damaged: {part['file']} has another checksum.", code="backup_damaged"
                    )
    except (tarfile.TarError, KeyError, ValueError, EOFError, OSError) as error:
        raise InvalidInput(f"{source} is no complete backup: {error}", code="backup_damaged") from error
    return manifest


def read_secrets(source: Path, manifest: Mapping[str, Any], passphrase: str) -> Secrets | None:
    """The secrets in a backup; None when it holds none. Raises Rejected for another passphrase."""
    if "secrets" not in manifest:
        return None
    with tarfile.open(source) as tar:
        return Secrets.unpack(secret_box.open_sealed(_member(tar, SECRETS).read(), passphrase))


def restore(source: Path, manifest: Mapping[str, Any], url_of: UrlOf, say: Say, *, force: bool) -> None:
    """Bring the databases back: all are restored beside the present ones first, then take their places.

    Raises:
        Conflict: a database holds something and `force` was not said; nothing was changed.
        Misconfigured: a dump cannot be restored; the present databases are as they were.
    """
    wanted = {service: postgres_tools.name_of(url_of(service)) for service in manifest["databases"]}
    server = postgres_tools.with_database(next(url_of(service) for service in wanted), "postgres")
    present = {row[0] for row in postgres_tools.query("SELECT datname FROM pg_database", server)}
    full = [
        name for name in wanted.values() if name in present and _tables(postgres_tools.with_database(server, name)) > 0
    ]
    if full and not force:
        raise Conflict(
            f"Not empty: {', '.join(full)}. With --force the backup takes their place; what they hold is lost.",
            code="restore_not_empty",
        )
    made = {service: f"{name}_restored" for service, name in wanted.items()}
    try:
        with tempfile.TemporaryDirectory(prefix="breezeway-restore-") as folder, tarfile.open(source) as tar:
            for service, beside in made.items():
                _again(server, beside)
                part = manifest["databases"][service]["file"]
                dump = Path(folder) / f"{service}.dump"
                with dump.open("wb") as file:
                    _copy(_member(tar, part), file)
                arguments = ["--no-owner", "--no-privileges", "--exit-on-error", f"--dbname={beside}", str(dump)]
                postgres_tools.run("pg_restore", arguments, postgres_tools.with_database(server, beside))
                dump.unlink()
                say(f"{service}: restored")
        for service, name in wanted.items():
            # Whoever is connected would keep the old database, and go on writing into it.
            postgres_tools.query(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)', server)
            postgres_tools.query(f'ALTER DATABASE "{made[service]}" RENAME TO "{name}"', server)
    finally:
        for beside in made.values():
            postgres_tools.query(f'DROP DATABASE IF EXISTS "{beside}" WITH (FORCE)', server)


def _again(server: str, name: str) -> None:
    postgres_tools.query(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)', server)
    postgres_tools.query(f'CREATE DATABASE "{name}"', server)


def _tables(url: str) -> int:
    return int(postgres_tools.query(_TABLES, url)[0][0])


def _revision(url: str) -> str:
    if _tables(url) == 0:
        return ""
    return next((row[0] for row in postgres_tools.query("SELECT version_num FROM alembic_version", url)), "")


def _parts(manifest: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    return [*manifest["databases"].values(), *([manifest["secrets"]] if "secrets" in manifest else [])]


def _member(tar: tarfile.TarFile, name: str) -> io.BufferedReader:
    member = tar.extractfile(name)
    if member is None:
        raise KeyError(f"{name} is no file")
    return member  # type: ignore[return-value]  # its stub says IO[bytes]


def _checksum(path: Path) -> str:
    with path.open("rb") as file:
        return _digest(file)


def _digest(file: io.BufferedReader) -> str:
    digest = hashlib.sha256()
    while piece := file.read(_PIECE):
        digest.update(piece)
    return digest.hexdigest()


def _copy(source: io.BufferedReader, target: Any) -> None:
    while piece := source.read(_PIECE):
        target.write(piece)
