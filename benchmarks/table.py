"""What a benchmark reports, and how it is shown."""

import os
import platform
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import psutil


@dataclass(frozen=True, slots=True)
class Row:
    """One figure of one system doing one piece of work."""

    work: str
    system: str
    figure: str


def machine() -> str:
    """What the figures were measured on."""
    memory = psutil.virtual_memory().total / 2**30
    load = os.getloadavg()[0]
    return (
        f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores, {memory:.0f} GiB, "
        f"Python {platform.python_version()}, load {load:.1f}"
    )


def show(rows: Iterable[Row]) -> None:
    """Print the rows as a table, a line at a time so that a long run can be followed."""
    for row in rows:
        sys.stdout.write(f"| {row.work:<58} | {row.system:<34} | {row.figure:>30} |\n")
        sys.stdout.flush()


def heading(columns: Sequence[str] = ("work", "system", "figure")) -> None:
    """The table's head, in Markdown."""
    sys.stdout.write(
        f"| {columns[0]:<58} | {columns[1]:<34} | {columns[2]:>30} |\n|{'-' * 60}|{'-' * 36}|{'-' * 31}:|\n"
    )
