"""`breezeway doctor [--json]`: run every check; exit status 1 when something has to be repaired."""

import argparse
import asyncio
import json
import sys
from collections.abc import Sequence

from breezeway.cli.doctor import local_checks, remote_checks
from breezeway.cli.doctor.findings import Finding, Level, note
from breezeway.cli.doctor.installation import Installation, of_this_process
from breezeway.cli.home import find_root

_MARKS = {Level.OK: "ok     ", Level.NOTE: "note   ", Level.WARNING: "warning", Level.FAULT: "FAULT  "}


async def examine(place: Installation) -> list[Finding]:
    """What all checks found. One that fails itself is a finding too."""
    found: list[Finding] = []
    for check in (
        local_checks.keys,
        local_checks.disk,
        local_checks.ports,
        local_checks.processes,
        local_checks.edge,
    ):
        try:
            found += check(place)
        except OSError as error:
            found.append(note(check.__name__, f"could not be looked at: {error.strerror}: {error.filename}"))
    for ask in (
        remote_checks.postgres,
        remote_checks.valkey,
        remote_checks.broker,
        remote_checks.master,
        remote_checks.public,
    ):
        try:
            found += [finding async for finding in ask(place)]
        except (OSError, KeyError, IndexError) as error:
            found.append(note(ask.__name__, f"could not be asked: {type(error).__name__}"))
    return found


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the report; 0 when nothing is a fault."""
    parser = argparse.ArgumentParser(prog="breezeway doctor", description=__doc__)
    parser.add_argument("--json", action="store_true", help="for programs: a list of findings")
    options = parser.parse_args(arguments)
    found = asyncio.run(examine(of_this_process(find_root())))
    if options.json:
        sys.stdout.write(json.dumps([finding.as_json() for finding in found], indent=1) + "\n")
    else:
        for finding in found:
            remedy = f"\n                 -> {finding.remedy}" if finding.remedy else ""
            sys.stdout.write(f"{_MARKS[finding.level]}  {finding.check:<11} {finding.detail}{remedy}\n")
    return int(any(finding.level is Level.FAULT for finding in found))


if __name__ == "__main__":
    sys.exit(main())
