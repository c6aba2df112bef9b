"""What `make check` asks of the supply chain and the code: pip-audit, bandit and detect-secrets.

    python .ci/security.py [--strict] [audit|code|secrets ...]

A finding passes only with a waiver in `.ci/security-waivers.toml`, which says why and until when. The advisories come
over the network: without it pip-audit finds every package "not found" and calls that a success. That is said here in so
many words, and is a failure with `--strict` (or STRICT=1), which is how a release is checked.
"""

import argparse
import fnmatch
import json
import os
import subprocess
import sys
import tomllib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
WAIVERS = Path(__file__).with_name("security-waivers.toml")
TOOLS = ("pip-audit", "bandit", "detect-secrets")
SOURCES = ("shared/src", "services", "simulators/breeze/src")


class Unreachable(Exception):
    """The advisories cannot be asked for from here."""


@dataclass(frozen=True)
class Finding:
    """Something that a tool does not like. `where` is a package or a file, `ids` all names that it goes by."""

    tool: str
    ids: tuple[str, ...]
    where: str
    text: str


@dataclass(frozen=True)
class Waiver:
    """Why a finding is accepted, and the day after which it is not any more."""

    tool: str
    id: str
    where: str
    reason: str
    until: date

    def covers(self, finding: Finding, today: date) -> bool:
        return (
            self.tool == finding.tool
            and self.id in finding.ids
            and fnmatch.fnmatch(finding.where, self.where)
            and today <= self.until
        )


def read_waivers(path: Path = WAIVERS) -> list[Waiver]:
    """Raises KeyError, TypeError or ValueError for an entry that is not whole."""
    entries = tomllib.loads(path.read_text()).get("waiver", [])
    waivers = [Waiver(**entry) for entry in entries]
    for waiver in waivers:
        if waiver.tool not in TOOLS or len(waiver.reason.split()) < 5 or not isinstance(waiver.until, date):
            raise ValueError(f"a waiver needs a known tool, a reason and a last day: {waiver}")
    return waivers


def advisories() -> list[Finding]:
    """pip-audit over the lock."""
    run = _run(
        "pip-audit", "-r", "requirements.lock", "--require-hashes", "--disable-pip", "-f", "json", "--timeout", "10"
    )
    try:
        packages = json.loads(run.stdout)["dependencies"]
    except (ValueError, KeyError):
        raise Unreachable(run.stderr.strip().splitlines()[-1][:300] if run.stderr.strip() else "no answer") from None
    unknown = [package["name"] for package in packages if "skip_reason" in package]
    if len(unknown) > len(packages) / 10:
        # Our lock holds published packages only; a service that knows none of them is no advisory service.
        raise Unreachable(f"{len(unknown)} of {len(packages)} packages are unknown to the service that answers")
    return read_advisories(packages)


def read_advisories(packages: Iterable[dict[str, Any]]) -> list[Finding]:
    """pip-audit's own JSON as findings."""
    return [
        Finding(
            "pip-audit",
            (flaw["id"], *flaw.get("aliases", ())),
            package["name"],
            f"{package['version']}: {flaw['id']}, fixed in {', '.join(flaw.get('fix_versions', ())) or 'no version'}",
        )
        for package in packages
        for flaw in package.get("vulns", ())
    ]


def code() -> list[Finding]:
    """bandit over everything that is shipped; what ruff's S rules cover with inline reasons is left to them."""
    run = _run("bandit", "-q", "-r", *SOURCES, "-c", "pyproject.toml", "-f", "json")
    results = json.loads(run.stdout)["results"]
    return [
        Finding(
            "bandit",
            (found["test_id"],),
            _relative(found["filename"]),
            f"line {found['line_number']}: {found['issue_text']}",
        )
        for found in results
    ]


def secrets() -> list[Finding]:
    """detect-secrets over every tracked file; for names such as `password = "…"` ruff's S105 is the judge."""
    names = _run("git", "-c", f"safe.directory={ROOT}", "ls-files", "-z", tool=False).stdout.split("\0")
    wanted = [name for name in names if name and not name.endswith((".lock", "package-lock.json", ".svg", ".zip"))]
    run = _run("detect-secrets", "scan", "--disable-plugin", "KeywordDetector", *wanted)
    return [
        Finding("detect-secrets", (found["type"],), name, f"line {found['line_number']}")
        for name, all_found in json.loads(run.stdout)["results"].items()
        for found in all_found
    ]


CHECKS: dict[str, Callable[[], list[Finding]]] = {"audit": advisories, "code": code, "secrets": secrets}


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--strict", action="store_true", default=bool(os.environ.get("STRICT")))
    parser.add_argument("checks", nargs="*", default=list(CHECKS), metavar="audit|code|secrets")
    options = parser.parse_args(arguments)
    waivers, today, failed = read_waivers(), datetime.now(UTC).date(), False
    for name in options.checks:
        try:
            found = CHECKS[name]()
        except Unreachable as reason:
            say(f"{name}: NOT CHECKED, the advisory service cannot be reached from here ({reason}).")
            failed |= options.strict
            continue
        open_ones = [each for each in found if not any(waiver.covers(each, today) for waiver in waivers)]
        for each in open_ones:
            say(f"{name}: {each.where}: {'/'.join(each.ids)}: {each.text}")
        failed |= bool(open_ones)
        say(f"{name}: {len(open_ones)} findings, {len(found) - len(open_ones)} waived")
    return int(failed)


def say(line: str) -> None:
    sys.stdout.write(line + "\n")


def _run(name: str, *arguments: str, tool: bool = True) -> "subprocess.CompletedProcess[str]":
    program = str(Path(sys.executable).with_name(name)) if tool else name
    return subprocess.run(  # noqa: S603 - our own tools
        [program, *arguments], cwd=ROOT, capture_output=True, text=True, check=False, timeout=300
    )


def _relative(name: str) -> str:
    path = Path(name)
    return str(path.relative_to(ROOT) if path.is_absolute() else path)


if __name__ == "__main__":
    sys.exit(main())
