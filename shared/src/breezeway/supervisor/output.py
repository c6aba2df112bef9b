"""Everything that the supervisor prints: progress lines, and the children's logs with their names before them."""

import json
import sys
from collections.abc import Sequence
from datetime import datetime
from typing import Any, Literal, TextIO

LogFormat = Literal["console", "json"]

_COLOURS = (36, 32, 33, 35, 34, 96, 92, 93, 95, 94)
_LEVEL_COLOURS = {"warning": 33, "error": 31, "critical": 31}
_STATE_COLOURS = {"ready": 32, "done": 32, "starting": 90, "stopped": 90, "restarting": 33, "failed": 31}
_HIDDEN_FIELDS = {"event", "level", "timestamp", "logger", "service", "component", "exception"}


class Output:
    """Writes lines for people (`console`) or machines (`json`) to one stream.

    In `json` every line is an object with `component`; what a child logs as JSON passes through with that member added.
    Colours appear on a terminal only.
    """

    def __init__(self, names: Sequence[str], log_format: LogFormat, stream: TextIO | None = None) -> None:
        self._stream = stream or sys.stdout
        self._json = log_format == "json"
        self._colour = not self._json and self._stream.isatty()
        self._width = max((len(name) for name in names), default=0)
        self._colours = {name: _COLOURS[index % len(_COLOURS)] for index, name in enumerate(names)}

    def progress(self, component: str, state: str, seconds: float | None = None, note: str = "") -> None:
        """One step in the life of a component: `ready`, `done`, `failed`, `restarting` and the like."""
        if self._json:
            self._write_json(
                {
                    "component": "supervisor",
                    "event": f"component_{state}",
                    "name": component,
                    **({} if seconds is None else {"seconds": round(seconds, 3)}),
                    **({"note": note} if note else {}),
                }
            )
            return
        shown = self._paint(f"{state:<10}", _STATE_COLOURS.get(state, 0))
        taken = "" if seconds is None else f"{seconds:6.1f} s"
        self._write(f"  {shown} {component:<{self._width}} {taken}{'  ' + note if note else ''}".rstrip())

    def say(self, text: str, **facts: object) -> None:
        """A message of the supervisor itself. The facts appear in JSON only: the text already tells people."""
        if self._json:
            self._write_json({"component": "supervisor", "event": text, **facts})
        else:
            self._write(text)

    def log(self, component: str, line: str) -> None:
        """One line that a child wrote."""
        event = _parse(line)
        if self._json:
            self._write_json({"component": component, **(event or {"event": line})})
            return
        name = self._paint(f"{component:<{self._width}}", self._colours.get(component, 0))
        text = line if event is None else self._readable(event)
        for part in text.splitlines() or [""]:
            self._write(f"{name} | {part}")

    def _readable(self, event: dict[str, Any]) -> str:
        level = str(event.get("level", "info"))
        facts = " ".join(f"{key}={_short(value)}" for key, value in event.items() if key not in _HIDDEN_FIELDS)
        head = f"{_clock(event.get('timestamp'))} {self._paint(f'{level:<7}', _LEVEL_COLOURS.get(level, 0))}"
        trace = f"\n{event['exception']}" if event.get("exception") else ""
        return f"{head} {event['event']}{'  ' + facts if facts else ''}{trace}"

    def _paint(self, text: str, colour: int) -> str:
        return f"\x1b[{colour}m{text}\x1b[0m" if self._colour and colour else text

    def _write_json(self, record: dict[str, object]) -> None:
        self._write(json.dumps(record, ensure_ascii=False, default=str))

    def _write(self, line: str) -> None:
        try:
            self._stream.write(line + "\n")
            self._stream.flush()
        except (BrokenPipeError, OSError):
            # The terminal went away. Stopping the stack properly matters more than telling nobody about it.
            return


def _parse(line: str) -> dict[str, Any] | None:
    if not line.startswith("{"):
        return None
    try:
        value = json.loads(line)
    except ValueError:
        return None
    return value if isinstance(value, dict) and "event" in value else None


def _short(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)


def _clock(timestamp: object) -> str:
    try:
        return f"{datetime.fromisoformat(str(timestamp)):%H:%M:%S}"
    except ValueError:
        return "--:--:--"
