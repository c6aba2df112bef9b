"""What the client's commands print: tables for people, JSON and CSV for programs. Progress goes to stderr."""

import sys
from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime
from decimal import Decimal
from enum import Enum
from typing import Any, Final

import orjson
from rich.console import Console
from rich.table import Table

from breezeway.clock import IST

_TABLE_ROWS: Final = 50
_PIPE_WIDTH: Final = 1_000


class Out:
    """Where a command's result goes.

    Args:
        as_json: print JSON whatever it is.
    """

    def __init__(self, *, as_json: bool) -> None:
        self.as_json = as_json
        # A pipe has no width of its own; 80 columns would cut what a person or `grep` looks for.
        self.people = Console(highlight=False, width=None if sys.stdout.isatty() else _PIPE_WIDTH)
        self.notes = Console(stderr=True, highlight=False)

    @property
    def is_terminal(self) -> bool:
        return sys.stdout.isatty()

    def note(self, text: str) -> None:
        """Something for people beside the result."""
        self.notes.print(text, markup=False, soft_wrap=True)

    def line(self, text: str) -> None:
        """One line of the result, at once."""
        sys.stdout.write(text + "\n")
        sys.stdout.flush()

    def json(self, value: object) -> None:
        """Any result for a program."""
        sys.stdout.write(orjson.dumps(value, default=_plain, option=orjson.OPT_INDENT_2).decode() + "\n")

    def json_line(self, value: object) -> None:
        self.line(orjson.dumps(value, default=_plain).decode())

    def rows(self, rows: Sequence[Mapping[str, Any]], columns: Sequence[str] = (), *, empty: str = "Nothing.") -> None:
        """A list: a table, or JSON. `columns` are those that a table shows; all of them by default."""
        if self.as_json:
            self.json(list(rows))
            return
        if not rows:
            self.note(empty)
            return
        shown = list(columns or rows[0])
        table = Table(box=None, pad_edge=False, header_style="bold")
        for name in shown:
            numbers = any(isinstance(row.get(name), int | float | Decimal) for row in rows)
            keep = numbers or name in {"symbol", "id"}
            table.add_column(
                name.replace("_", " "), justify="right" if numbers else "left", no_wrap=keep, overflow="fold"
            )
        for row in rows[-_TABLE_ROWS:] if self.is_terminal else rows:
            table.add_row(*(_cell(row.get(name)) for name in shown))
        self.people.print(table)
        if self.is_terminal and len(rows) > _TABLE_ROWS:
            self.note(f"The last {_TABLE_ROWS} of {len(rows):,}; all of them with --json or -o.")

    def record(self, record: Mapping[str, Any]) -> None:
        """One thing: names and values, or JSON."""
        if self.as_json:
            self.json(dict(record))
            return
        table = Table(box=None, pad_edge=False, show_header=False)
        for name, value in record.items():
            table.add_row(name.replace("_", " "), str(value) if name.endswith("_id") else _cell(value))
        self.people.print(table)


def csv_lines(rows: Iterable[Mapping[str, Any]]) -> Iterable[str]:
    """Comma-separated lines with a header; values hold no commas."""
    for number, row in enumerate(rows):
        if number == 0:
            yield ",".join(row)
        yield ",".join("" if value is None else str(value) for value in row.values())


def _cell(value: object) -> str:
    match value:
        case None:
            return ""
        case bool():
            return "yes" if value else "no"
        case datetime():
            return value.astimezone(IST).strftime("%Y-%m-%d %H:%M:%S")
        case float():
            return f"{value:,.4f}".rstrip("0").rstrip(".")
        case int():
            return f"{value:,}"
        case Enum():
            return str(value.value)
        case list() | tuple():
            return ", ".join(_cell(each) for each in value)
        case _:
            return str(value)


def _plain(value: object) -> Any:
    match value:
        case Decimal():
            return str(value)
        case date():
            return value.isoformat()
        case _ if hasattr(value, "model_dump"):
            return value.model_dump(mode="json", by_alias=True)
        case _:
            raise TypeError(f"{type(value).__name__} has no JSON")
