"""The client's commands before a small HTTP server: what they send, print, store, and with which code they end."""

import io
import json
import os
import re
import stat
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pyarrow.parquet as pq
import pytest

from breezeway.cli.credentials_file import CredentialsFile, default_folder
from breezeway.cli.main import main
from breezeway.client.credentials import TokenPair
from breezeway.errors import Misconfigured

ID = "0199a1b2-c3d4-7e5f-8a9b-0c1d2e3f4a5b"
USER = {"id": ID, "email": "a@b.in", "full_name": "Asha", "role": "user", "created_at": "2026-11-21T00:00:00Z"}
TOKENS = {"access_token": "access-1", "refresh_token": "refresh-1", "expires_in": 900, "user": USER}
BACKFILL = {
    **{"id": ID, "symbols": ["NSE:A"], "interval": "1m", "from": "2026-01-01", "to": "2026-01-02", "state": "done"},
    **{"chunks_total": 2, "chunks_done": 2, "chunks_failed": 0, "candles_written": 750, "calls_estimated": 2},
    **{"calls_used": 2, "eta_seconds": 0, "created_at": "2026-11-21T00:00:00Z"},
}
CANDLES = {
    **{"symbol": "NSE:A", "interval": "15m", "timezone": "Asia/Kolkata", "t": [1795146300, 1795147200]},
    **{"o": [1.0, 2.0], "h": [3.0, 4.0], "l": [0.5, 1.5], "c": [2.5, 3.5], "v": [10, 20], "oi": None},
    **{"indicators": {"sma:2": [None, 3.0]}, "complete": True, "next": None},
}
INSTRUMENT = {
    **{"instrument_id": 7, "symbol": "NSE:A", "exchange": "NSE", "segment": "cash", "type": "equity", "name": "A LTD"},
    **{"lot_size": 1, "tick_size": "0.05", "broker_code": "ALTD", "broker_token": "4.1!7"},
}


class Gateway:
    """Answers by method and path; remembers what was asked."""

    def __init__(self) -> None:
        self.answers: dict[str, tuple[int, Any]] = {}
        self.requests: list[tuple[str, str, dict[str, list[str]], Any, dict[str, str]]] = []
        self.url = ""

    def on(self, route: str, body: Any, status: int = 200) -> None:
        self.answers[route] = (status, body)

    def answer(self, handler: BaseHTTPRequestHandler) -> None:
        parts = urlsplit(handler.path)
        length = int(handler.headers.get("Content-Length") or 0)
        body = json.loads(handler.rfile.read(length)) if length else None
        self.requests.append((handler.command, parts.path, parse_qs(parts.query), body, dict(handler.headers)))
        problem = {"code": "not_found", "detail": "There is no such thing.", "status": 404, "request_id": "r1"}
        status, found = self.answers.get(f"{handler.command} {parts.path}", (404, problem))
        if callable(found):
            status, found = found(body)
        content = json.dumps(found).encode() if status != 204 else b""
        handler.send_response(status)
        handler.send_header("Content-Length", str(len(content)))
        if status == 429:
            handler.send_header("Retry-After", "120")
        handler.end_headers()
        handler.wfile.write(content)


@pytest.fixture
def gateway(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Gateway]:
    """A server that the environment names, an API key for it, and an empty folder for what is stored."""
    made = Gateway()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def handle_method(self) -> None:
            made.answer(self)

        do_GET = do_POST = do_DELETE = do_PATCH = handle_method

        def log_message(self, format: str, *arguments: Any) -> None:
            return None

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    made.url = f"http://127.0.0.1:{server.server_port}"
    monkeypatch.setenv("BREEZEWAY_URL", made.url)
    monkeypatch.setenv("BREEZEWAY_API_KEY", "bwk_env")
    monkeypatch.setenv("BREEZEWAY_CONFIG", str(tmp_path / "config"))
    monkeypatch.chdir(tmp_path)
    yield made
    server.shutdown()
    server.server_close()
    thread.join()


def stored(tmp_path: Path) -> CredentialsFile:
    return CredentialsFile(tmp_path / "config")


def test_login_asks_and_stores_tokens_for_its_owner_only(
    gateway: Gateway, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("BREEZEWAY_API_KEY")
    monkeypatch.setattr("sys.stdin", io.StringIO("a@b.in\nsecret words\n"))
    gateway.on("POST /api/v1/auth/login", TOKENS)
    assert main(["login"]) == 0
    assert gateway.requests[0][3] == {"email": "a@b.in", "password": "secret words"}
    path = tmp_path / "config" / "credentials.json"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert "secret words" not in path.read_text()
    gateway.on("GET /api/v1/users/me", USER)
    assert main(["whoami", "--json"]) == 0
    assert gateway.requests[-1][4]["Authorization"] == "Bearer access-1"
    out = capsys.readouterr()
    assert json.loads(out.out)["email"] == "a@b.in"
    assert "secret words" not in out.out + out.err
    gateway.on("POST /api/v1/auth/logout", None, 204)
    assert main(["logout"]) == 0
    assert gateway.requests[-1][3] == {"refresh_token": "refresh-1"}
    assert stored(tmp_path).tokens(gateway.url) is None
    assert main(["whoami"]) == 3


def test_login_asks_for_the_second_factor_only_when_it_is_wanted(
    gateway: Gateway, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def answer(body: dict[str, str]) -> tuple[int, Any]:
        wanted = {"code": "otp_required", "detail": "Send the code too.", "status": 401}
        return (200, TOKENS) if body.get("otp") == "123456" else (401, wanted)

    gateway.on("POST /api/v1/auth/login", answer)
    monkeypatch.setattr("sys.stdin", io.StringIO("pw\n123456\n"))
    assert main(["login", "--email", "a@b.in"]) == 0
    assert stored(tmp_path).tokens(gateway.url) is not None


def test_a_wrong_password_is_said_without_the_advice_to_sign_in(
    gateway: Gateway, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    refusal = {"code": "invalid_credentials", "detail": "E-mail address and password do not fit.", "status": 401}
    gateway.on("POST /api/v1/auth/login", refusal, 401)
    monkeypatch.setattr("sys.stdin", io.StringIO("a@b.in\nwrong\n"))
    assert main(["login"]) == 1
    assert capsys.readouterr().err == "breezeway: E-mail address and password do not fit.\n"
    assert not (tmp_path / "config").exists()


def test_an_api_key_is_tried_before_it_is_stored(
    gateway: Gateway, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.delenv("BREEZEWAY_API_KEY")
    monkeypatch.setattr("sys.stdin", io.StringIO("bwk_wrong\n"))
    gateway.on("GET /api/v1/users/me", {"code": "api_key_invalid", "detail": "No.", "status": 401}, 401)
    assert main(["login", "--api-key"]) == 3
    assert stored(tmp_path).api_key(gateway.url) is None
    monkeypatch.setattr("sys.stdin", io.StringIO("bwk_right\n"))
    gateway.on("GET /api/v1/users/me", USER)
    assert main(["login", "--api-key"]) == 0
    assert main(["whoami"]) == 0
    assert (
        gateway.requests[-1][4]["X-Api-Key" if "X-Api-Key" in gateway.requests[-1][4] else "X-API-Key"] == "bwk_right"
    )


def test_a_renewed_token_is_stored_for_the_next_command(
    gateway: Gateway, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.delenv("BREEZEWAY_API_KEY")
    stored(tmp_path).keep_tokens(gateway.url, TokenPair("refresh-0", "access-0", 1.0))
    gateway.on("POST /api/v1/auth/refresh", TOKENS)
    gateway.on("GET /api/v1/users/me", USER)
    assert main(["whoami"]) == 0
    assert main(["whoami"]) == 0
    refreshes = [each for each in gateway.requests if each[1].endswith("/refresh")]
    assert [each[3] for each in refreshes] == [{"refresh_token": "refresh-0"}]
    kept = stored(tmp_path).tokens(gateway.url)
    assert kept is not None
    assert (kept.refresh, kept.access) == ("refresh-1", "access-1")


def test_candles_go_to_a_file_a_pipe_or_a_program(
    gateway: Gateway, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    gateway.on("GET /api/v1/candles/NSE:A", CANDLES)
    command = ["candles", "NSE:A", "-i", "15m", "--from", "2026-01-01"]
    assert main([*command, "-o", "x.parquet"]) == 0
    assert pq.read_table(tmp_path / "x.parquet")["close"].to_pylist() == [2.5, 3.5]
    query = gateway.requests[-1][2]
    assert (query["interval"], query["from"]) == (["15m"], ["2026-01-01"])
    capsys.readouterr()
    assert main(command) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "time,open,high,low,close,volume,oi,sma:2"
    assert lines[1].endswith(",1.0,3.0,0.5,2.5,10,,")
    assert main([*command, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)[1]["sma:2"] == 3.0
    asked = len(gateway.requests)
    assert main([*command, "-o", "x.docx"]) == 1
    assert len(gateway.requests) == asked, "a name that cannot work is refused before anything is fetched"


def test_missing_days_are_said_with_what_to_do(gateway: Gateway, capsys: pytest.CaptureFixture[str]) -> None:
    gateway.on("GET /api/v1/candles/NSE:A", CANDLES | {"complete": False})
    assert main(["candles", "NSE:A", "-i", "15m", "--from", "2026-01-01"]) == 0
    assert "breezeway backfill NSE:A --from 2026-01-01" in capsys.readouterr().err


@pytest.mark.parametrize(("state", "code"), [("done", 0), ("failed", 1), ("cancelled", 0)])
def test_a_backfill_can_be_waited_for(
    gateway: Gateway, state: str, code: int, capsys: pytest.CaptureFixture[str]
) -> None:
    gateway.on("POST /api/v1/backfills", BACKFILL | {"state": "queued"}, 202)
    fault = {"symbol": "NSE:A", "from": "2026-01-01T00:00:00Z", "to": "2026-01-02T00:00:00Z", "code": "upstream_fault"}
    errors = [fault | {"detail": "The broker failed.", "attempts": 3, "final": True}] if state == "failed" else []
    gateway.on(f"GET /api/v1/backfills/{ID}", BACKFILL | {"state": state, "errors": errors})
    assert main(["backfill", "NSE:A", "--from", "2026-01-01", "--to", "2026-01-02", "--wait"]) == code
    assert gateway.requests[0][3] == {"symbols": ["NSE:A"], "interval": "1m", "from": "2026-01-01", "to": "2026-01-02"}
    out = capsys.readouterr()
    assert state in out.out
    assert ("The broker failed." in out.err) == (state == "failed")
    gateway.on(f"POST /api/v1/backfills/{ID}/pause", BACKFILL | {"state": "paused"})
    assert main(["backfills", "pause", ID, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["from"] == "2026-01-01"


def test_lists_are_tables_for_people_and_json_for_programs(
    gateway: Gateway, capsys: pytest.CaptureFixture[str]
) -> None:
    gateway.on("GET /api/v1/instruments/search", {"items": [INSTRUMENT], "next": None})
    assert main(["instruments", "search", "a", "ltd"]) == 0
    assert gateway.requests[-1][2]["q"] == ["a ltd"]
    table = capsys.readouterr().out
    assert re.search(r"NSE:A +A LTD +equity +1 +0.05 +ALTD", table)
    assert main(["instruments", "search", "a", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)[0]["tick_size"] == "0.05"
    gateway.on("GET /api/v1/instruments/search", {"items": [], "next": None})
    assert main(["instruments", "search", "zzz"]) == 0
    assert "No instrument is like 'zzz'" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("status", "code", "exit_code", "said"),
    [
        (404, "instrument_not_found", 4, "breezeway instruments search"),
        (403, "scope_missing", 3, "Reason."),
        (401, "api_key_invalid", 3, "breezeway login"),
        (422, "unsupported_interval", 1, "Reason."),
        (429, "rate_limited", 5, "Try again in 120 s."),
        (500, "internal_error", 1, "(request r1)"),
    ],
)
def test_failures_have_a_code_and_say_what_to_do(
    gateway: Gateway, status: int, code: str, exit_code: int, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    problem = {"code": code, "detail": "Reason.", "status": status, "request_id": "r1"}
    gateway.on("GET /api/v1/candles/NSE:A", problem, status)
    assert main(["candles", "NSE:A"]) == exit_code
    out = capsys.readouterr()
    assert out.out == ""
    assert said in out.err
    assert "Traceback" not in out.err


def test_arguments_that_make_no_sense_are_refused_by_the_parser(capsys: pytest.CaptureFixture[str]) -> None:
    for arguments in (["candles"], ["candles", "NSE:A", "-n", "0"], ["backfill", "NSE:A"], ["dance"]):
        with pytest.raises(SystemExit) as ended:
            main(arguments)
        assert ended.value.code == 2
    capsys.readouterr()
    with pytest.raises(SystemExit):
        main(["candles", "--help"])
    shown = capsys.readouterr().out
    assert "examples:" in shown
    assert "exit codes:" in shown


def test_a_file_that_others_can_read_is_refused_and_a_broken_one_explained(tmp_path: Path) -> None:
    file = stored(tmp_path)
    file.keep_key("http://a", "bwk_a")
    file.keep_tokens("http://b", TokenPair("r"))
    assert (file.default_url, file.api_key("http://a")) == ("http://b", "bwk_a")
    file.path.chmod(0o640)
    with pytest.raises(Misconfigured, match="chmod 600"):
        file.api_key("http://a")
    file.path.chmod(0o600)
    file.path.write_text("{")
    with pytest.raises(Misconfigured, match="breezeway login"):
        file.api_key("http://a")


def test_where_it_is_stored() -> None:
    assert default_folder({"BREEZEWAY_CONFIG": "/x"}) == Path("/x")
    assert default_folder({"XDG_CONFIG_HOME": "/y"}) == Path("/y/breezeway")
    assert default_folder({}) == Path.home() / ".config" / "breezeway"


def test_the_command_that_runs_the_stack_loads_nothing_of_the_client() -> None:
    program = "import sys, breezeway.cli.main as m; m._parser(); print(*{n.partition('.')[0] for n in sys.modules})"
    ran = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=60)
    assert {"httpx", "orjson", "pydantic", "numpy"} & set(ran.stdout.split()) == set()


def test_a_reader_that_has_seen_enough_is_no_failure(gateway: Gateway) -> None:
    count = 20_000
    columns = {name: [1.0] * count for name in "ohlc"}
    bars = {**CANDLES, "t": list(range(count)), **columns, "v": [1] * count, "indicators": {}}
    gateway.on("GET /api/v1/candles/NSE:A", bars)
    command = f"{sys.executable} -m breezeway.cli.main candles NSE:A | head -2; exit ${{PIPESTATUS[0]}}"
    ran = subprocess.run(
        ["bash", "-c", command], capture_output=True, text=True, timeout=60, check=False, env={**os.environ}
    )
    assert (ran.returncode, len(ran.stdout.splitlines()), ran.stderr) == (0, 2, "")
