"""Holds the coverage of a test run: `python .ci/coverage_gate.py [DATA]` after pytest has written its data file.

Overall, and on the paths that decide about money and about who somebody is. Exit status 1 when one is too low.
"""

import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import coverage

ROOT = Path(__file__).resolve().parents[1]


@dataclass(frozen=True, slots=True)
class Gate:
    """At least `percent` of the lines below any of `folders` (or in such a file) have to run."""

    name: str
    percent: float
    folders: Sequence[str]


GATES = (
    Gate("overall", 90.0, ("",)),
    Gate(
        "money",
        95.0,
        (
            "shared/src/breezeway/money.py",
            "shared/src/breezeway/charges",
            "shared/src/breezeway/exchange",
            "services/trading/src/trading_service/domain",
            "services/trading/src/trading_service/application",
        ),
    ),
    Gate(
        "auth",
        95.0,
        (
            "shared/src/breezeway/security",
            "services/auth/src/auth_service/domain",
            "services/auth/src/auth_service/application",
            "services/gateway/src/gateway_service/domain/credentials.py",
            "services/gateway/src/gateway_service/application/api_keys.py",
            "services/gateway/src/gateway_service/application/callers.py",
        ),
    ),
)

Counts = Mapping[str, tuple[int, int]]
"""File, relative to the repository, to lines that ran and lines there are."""


def measured(data: Path) -> Counts:
    """What a run covered, by the settings in pyproject.toml."""
    run = coverage.Coverage(data_file=str(data), config_file=str(ROOT / "pyproject.toml"))
    run.load()
    counts = {}
    for name in run.get_data().measured_files():
        path = Path(name)
        if not path.is_relative_to(ROOT) or not path.exists():
            continue
        _, lines, _, missing, _ = run.analysis2(name)
        counts[path.relative_to(ROOT).as_posix()] = (len(lines) - len(missing), len(lines))
    return counts


def percent_of(counts: Counts, folders: Iterable[str]) -> float:
    """The share of the lines that ran; 0 when nothing there was measured, so that a moved folder is noticed."""
    wanted = [PurePosixPath(folder) for folder in folders]
    ran = there = 0
    for name, (some, every) in counts.items():
        if any(PurePosixPath(name).is_relative_to(folder) for folder in wanted):
            ran, there = ran + some, there + every
    return 100.0 * ran / there if there else 0.0


def judge(counts: Counts, gates: Sequence[Gate] = GATES) -> tuple[bool, list[str]]:
    """Whether all gates hold, and a line for each."""
    held, lines = True, []
    for gate in gates:
        percent = percent_of(counts, gate.folders)
        good = percent >= gate.percent
        held = held and good
        lines.append(
            f"coverage {gate.name:<8} {percent:5.1f} %  (at least {gate.percent:.0f} %){'' if good else '  TOO LOW'}"
        )
    return held, lines


def main(data: Path) -> int:
    """Print the lines; 1 when a gate does not hold, 2 when there is nothing to judge."""
    if not data.exists():
        sys.stderr.write(f"no coverage data at {data}; run pytest with --cov first\n")
        return 2
    held, lines = judge(measured(data))
    sys.stdout.write("\n".join(lines) + "\n")
    return 0 if held else 1


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT / ".coverage"))
