"""`breezeway backup FILE` and `breezeway restore FILE`: arguments, passphrase, and what an operator is told."""

import argparse
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from breezeway.cli import backup
from breezeway.cli.backup import Secrets
from breezeway.cli.stack import SERVICES_WITH_DATABASE, Place
from breezeway.errors import Conflict, InvalidInput

PASSPHRASE = "BREEZEWAY_BACKUP_PASSPHRASE"  # noqa: S105 - the name of the variable
KEYS = ("BREEZEWAY_INTERNAL_KEY", "BREEZEWAY_VAULT_KEY", "BREEZEWAY_BANK_KEY", "BREEZEWAY_WEBHOOK_KEY")
"""Secrets that an operator may give in the environment instead of in the data folder."""


def run(place: Place, name: str, rest: Sequence[str], url_of: Callable[[str], str], *, running: bool) -> int:
    """Run `backup` or `restore`; the exit status is 0 when everything was written."""
    options = _parser(name).parse_args(rest)
    target = Path(options.file).absolute()
    if name == "backup":
        secrets = _collect(place) if options.secrets else None
        backup.write(
            target,
            SERVICES_WITH_DATABASE,
            url_of,
            _say,
            secrets=secrets,
            passphrase=_passphrase(options, bool(secrets)),
        )
        _say(
            f"Written: {target}" + ("" if secrets else " (without secrets: keep the data folder's secrets/ elsewhere)")
        )
        return 0
    if running:
        raise Conflict("The stack runs. Stop it, restore, start it again.", code="stack_runs")
    manifest = backup.read_manifest(target)
    found = backup.read_secrets(target, manifest, _passphrase(options, "secrets" in manifest))
    if found is not None:
        _check_room(place, found, force=options.force)
    backup.restore(target, manifest, url_of, _say, force=options.force)
    if found is not None:
        _put_back(place, found)
    _say(f"Restored what was saved at {manifest['made']}. Start the stack: newer migrations run then.")
    return 0


def _collect(place: Place) -> Secrets:
    folder = place.home / "secrets"
    files = {path.name: path.read_bytes() for path in sorted(folder.iterdir()) if path.is_file()}
    key_file = place.operator.get("BREEZEWAY_SIGNING_KEY_FILE")
    if key_file:
        given = Path(key_file)
        files |= {path.name: path.read_bytes() for path in sorted(given.parent.glob(f"{given.stem}*.pem"))}
    return Secrets(files, {name: place.operator[name] for name in KEYS if place.operator.get(name)})


def _check_room(place: Place, found: Secrets, *, force: bool) -> None:
    """Raises Conflict when other secrets would be overwritten: they may be the only key to something."""
    folder = place.home / "secrets"
    differing = [
        name
        for name, content in found.files.items()
        if (folder / name).exists() and (folder / name).read_bytes() != content
    ]
    if differing and _holds_data(place) and not force:
        raise Conflict(
            f"{folder} has other secrets: {', '.join(differing)}. With --force those of the backup take their place.",
            code="restore_not_empty",
        )


def _holds_data(place: Place) -> bool:
    # A folder that this very command has just made holds fresh keys and nothing that they lock.
    return bool(place.operator.get("DATABASE_URL")) or (place.home / "demo.json").exists()


def _put_back(place: Place, found: Secrets) -> None:
    folder = place.home / "secrets"
    for name, content in found.files.items():
        # A name from a file is not to lead out of the folder.
        _write(folder / Path(name).name, content)
    if found.environment:
        lines = "".join(f"{name}={value}\n" for name, value in found.environment.items())
        _write(folder / "restored.env", lines.encode())
        _say(
            f"Set these in your environment again: {', '.join(found.environment)}; values in {folder / 'restored.env'}"
        )


def _write(path: Path, content: bytes) -> None:
    unfinished = path.with_name(f"{path.name}.new")
    unfinished.unlink(missing_ok=True)
    with open(os.open(unfinished, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600), "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    unfinished.replace(path)


def _passphrase(options: argparse.Namespace, needed: bool) -> str:
    if not needed:
        return ""
    if options.passphrase_file:
        return Path(options.passphrase_file).read_text().strip()
    given = os.environ.get(PASSPHRASE, "")
    if not given:
        raise InvalidInput(
            f"The secrets need a passphrase: --passphrase-file FILE, or {PASSPHRASE} in the environment.",
            code="passphrase_missing",
        )
    return given


def _parser(name: str) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog=f"breezeway {name}")
    parser.add_argument("file", help="the backup, one tar file")
    parser.add_argument("--passphrase-file", help=f"of the secrets; otherwise {PASSPHRASE} in the environment")
    if name == "backup":
        parser.add_argument("--secrets", action="store_true", help="with all keys, sealed with a passphrase")
    else:
        parser.add_argument("--force", action="store_true", help="also over databases that hold something")
    return parser


def _say(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()
