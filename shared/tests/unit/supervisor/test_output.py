"""What the supervisor prints, for people and for machines."""

import io
import json

from breezeway.supervisor.output import Output

EVENT = '{"event": "synced", "level": "warning", "timestamp": "2026-01-05T09:15:00+05:30", "rows": 3}'


def test_people_see_the_component_the_time_the_level_and_the_facts() -> None:
    stream = io.StringIO()
    Output(["auth", "gateway"], "console", stream).log("auth", EVENT)
    assert stream.getvalue() == "auth    | 09:15:00 warning synced  rows=3\n"


def test_text_and_broken_json_pass_unchanged() -> None:
    stream = io.StringIO()
    output = Output(["auth"], "console", stream)
    output.log("auth", "plain")
    output.log("auth", '{"event": ')
    assert stream.getvalue() == 'auth | plain\nauth | {"event": \n'


def test_machines_see_one_object_a_line_with_the_component() -> None:
    stream = io.StringIO()
    output = Output(["auth"], "json", stream)
    output.log("auth", EVENT)
    output.log("auth", "plain")
    output.progress("auth", "ready", 1.23456)
    lines = [json.loads(line) for line in stream.getvalue().splitlines()]
    assert lines == [
        {"component": "auth", **json.loads(EVENT)},
        {"component": "auth", "event": "plain"},
        {"component": "supervisor", "event": "component_ready", "name": "auth", "seconds": 1.235},
    ]


def test_a_trace_keeps_the_name_on_every_line() -> None:
    stream = io.StringIO()
    record = json.dumps({"event": "failed", "level": "error", "exception": "Traceback\n  boom"})
    Output(["auth"], "console", stream).log("auth", record)
    assert [line.split(" | ")[0] for line in stream.getvalue().splitlines()] == ["auth"] * 3


def test_a_closed_terminal_is_no_reason_to_fail() -> None:
    class Gone(io.StringIO):
        def write(self, text: str) -> int:
            raise BrokenPipeError

    Output(["auth"], "console", Gone()).log("auth", "plain")
