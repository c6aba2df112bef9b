"""Commands for operators: `python -m auth_service.commands keys rotate | vault rotate | vault status | audit verify`.

They read the same environment as the service. `breezeway keys | vault | audit` runs them for a stack on one machine.
"""

import argparse
import asyncio
import sys
from collections.abc import Sequence

from auth_service import bootstrap
from auth_service.application.audit_log import AuditLog, ChainReport
from auth_service.application.vault_rotation import RotationReport, VaultRotation
from auth_service.settings import AuthSettings, SigningSettings
from breezeway import logs
from breezeway.clock import SystemClock
from breezeway.errors import BreezewayError

_MAX_BATCH = 1_000


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; the exit status is 0 when all is well, 1 when something needs a person."""
    options = _parser().parse_args(arguments)
    try:
        return int(options.command(options))
    except BreezewayError as error:
        _say(f"{error.code}: {error.detail}", error=True)
        return 1


def rotate_keys(options: argparse.Namespace) -> int:
    """Make the next signing key and delete those that are retired."""
    settings = SigningSettings()
    logs.configure(bootstrap.SERVICE, log_format=settings.log_format, level="WARNING")
    files = bootstrap.signing_key_files(settings)
    now = SystemClock().now()
    if options.remove_retired:
        for kid in files.remove_retired(now):
            _say(f"Deleted {kid}, which was retired.")
        return 0
    made = files.add(now)
    if options.leaked:
        for kid in files.remove_all_but(made.kid):
            _say(f"Deleted {kid}. Nobody accepts its tokens after the next look at the keys, within a minute.")
        _say(f"{made.kid} signs from now on; everybody refreshes their access token.")
        return 0
    for kid in files.remove_retired(now):
        _say(f"Deleted {kid}, which was retired.")
    _say(f"{made.kid} is published now and signs in half a minute; tokens of the key before it go on counting.")
    return 0


def rotate_vault(options: argparse.Namespace) -> int:
    """Seal everything again with the newest vault key."""

    async def rotate(rotation: VaultRotation) -> RotationReport:
        return await rotation.rotate(
            batch=options.batch, progress=lambda table, moved: _say(f"{table}: {moved} rows moved so far")
        )

    return _tell(asyncio.run(bootstrap.with_vault_rotation(AuthSettings(), rotate)))


def show_vault(_options: argparse.Namespace) -> int:
    """Say which keys are still needed, changing nothing."""

    async def look(rotation: VaultRotation) -> RotationReport:
        return await rotation.status()

    return _tell(asyncio.run(bootstrap.with_vault_rotation(AuthSettings(), look)))


def verify_audit(options: argparse.Namespace) -> int:
    """Walk the audit log's chain."""
    anchor = bytes.fromhex(options.anchor) if options.anchor else None

    async def walk(log: AuditLog) -> ChainReport:
        return await log.verify(anchor)

    report = asyncio.run(bootstrap.with_audit_log(AuthSettings(), walk))
    if report.broken is not None:
        entry = report.broken.entry
        _say(
            f"BROKEN at entry {report.broken.seq} (id {entry.id}, {entry.event}, {entry.at.isoformat()}): it does not "
            f"follow from the {report.entries} before it. It was changed, or something before it was removed or added.",
            error=True,
        )
    elif report.newest is None:
        _say("The audit log is empty.")
    else:
        _say(f"{report.entries} entries, each follows from the one before it.")
        _say(f"Newest: entry {report.newest.seq}, hash {report.newest.hash.hex()}")
        _say("Keep that hash elsewhere; with --anchor it shows next time whether the end was cut off.")
    if report.anchored is False:
        _say("MISSING: the entry with the anchor's hash is not in the log.", error=True)
    if not report.final:
        _say("UNGUARDED: the trigger that refuses changes of the audit log is gone or switched off.", error=True)
    return 0 if report.intact else 1


def _tell(report: RotationReport) -> int:
    _say(f"{report.moved} rows moved to key {report.newest!r}.")
    for row in report.broken:
        _say(f"DOES NOT OPEN: {row}", error=True)
    for version, count in sorted(report.left.items()):
        _say(f"{count} secrets still need key {version!r}; do not remove it.", error=True)
    if report.old_keys_removable:
        _say(f"Nothing needs another key than {report.newest!r}. Older ones may be removed from BREEZEWAY_VAULT_KEY.")
    return 0 if report.old_keys_removable else 1


def _say(text: str, *, error: bool = False) -> None:
    stream = sys.stderr if error else sys.stdout
    stream.write(f"{text}\n")
    stream.flush()


def _batch(text: str) -> int:
    number = int(text)
    if not 1 <= number <= _MAX_BATCH:
        raise ValueError(text)
    return number


def _digest(text: str) -> str:
    if len(bytes.fromhex(text)) != 32:
        raise ValueError(text)
    return text


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m auth_service.commands", description="Commands for operators.")
    groups = parser.add_subparsers(required=True, metavar="what")
    keys = groups.add_parser("keys", help="the keys that sign access tokens").add_subparsers(required=True)
    rotate = keys.add_parser("rotate", help="make the next signing key; nobody is signed out")
    how = rotate.add_mutually_exclusive_group()
    how.add_argument("--leaked", action="store_true", help="delete every other key now: access tokens end at once")
    how.add_argument("--remove-retired", action="store_true", help="make no key; only delete those that are retired")
    rotate.set_defaults(command=rotate_keys)
    vault = groups.add_parser("vault", help="the keys that seal broker secrets").add_subparsers(required=True)
    again = vault.add_parser("rotate", help="seal everything with the newest key; may be killed and run again")
    again.add_argument("--batch", type=_batch, default=50, help="rows in one transaction (50)")
    again.set_defaults(command=rotate_vault)
    vault.add_parser("status", help="say which keys are still needed").set_defaults(command=show_vault)
    audit = groups.add_parser("audit", help="the audit log").add_subparsers(required=True)
    verify = audit.add_parser("verify", help="check that nobody has changed it")
    verify.add_argument("--anchor", type=_digest, help="hash that an earlier run printed")
    verify.set_defaults(command=verify_audit)
    return parser


if __name__ == "__main__":
    sys.exit(main())
