import logging
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from breezeway.breeze.endpoints import BreezeEndpoints
from breezeway.breeze.sdk import load_sdk


class Recorder:
    """Answers every call with the same JSON and keeps what was asked."""

    def __init__(self, answer: object) -> None:
        self.answer = answer
        self.asked: list[tuple[str, str, str | None]] = []

    def send(self, method: str, url: str, *, body: str | None, params: object, headers: object) -> Any:
        self.asked.append((method, url, body))
        return self

    status_code = 200

    def json(self) -> object:
        return self.answer


LOGIN = {"Success": {"session_token": "WFkwMDAwMDA6NDI0Mg=="}, "Status": 200, "Error": None}


def test_loading_touches_nothing_global(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    before = (list(sys.path), sys.modules.get("config"))
    load_sdk(BreezeEndpoints.live(), Recorder({}))
    assert (list(sys.path), sys.modules.get("config")) == before
    assert {"APILogger", "WebsocketLogger"}.isdisjoint(logging.Logger.manager.loggerDict)
    assert os.listdir(tmp_path) == []
    assert "breeze_connect.breeze_connect" not in sys.modules


def test_loading_costs_no_pandas_no_network_and_survives_a_config_module_of_ours(tmp_path: Path) -> None:
    (tmp_path / "config.py").write_text("raise SystemExit('our config was imported')\n")
    script = (
        "import sys, socket, urllib3.util.connection as c\n"
        "c.HAS_IPV6 = 'untouched'\n"
        "socket.socket.connect = lambda *a: sys.exit('network')\n"
        "from breezeway.breeze.endpoints import BreezeEndpoints\n"
        "from breezeway.breeze.sdk import load_sdk\n"
        "load_sdk(BreezeEndpoints.live(), None)\n"
        "assert 'pandas' not in sys.modules and 'config' not in sys.modules and c.HAS_IPV6 == 'untouched'\n"
    )
    done = subprocess.run(  # our own interpreter and script
        [sys.executable, "-c", script], cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert not (tmp_path / "logs").exists()


def test_copies_keep_their_own_endpoints_and_transport() -> None:
    here, there = Recorder(LOGIN), Recorder(LOGIN)
    simulator = load_sdk(BreezeEndpoints.single_origin("http://127.0.0.1:9000/"), here).BreezeConnect("a+b=")
    live = load_sdk(BreezeEndpoints.live(), there).BreezeConnect("key")
    simulator.generate_session("secret", "12345678")
    live.generate_session("secret", "87654321")
    assert (simulator.user_id, simulator.session_key) == ("XY000000", "4242")
    assert here.asked == [
        (
            "GET",
            "http://127.0.0.1:9000/breezeapi/api/v1/customerdetails",
            '{"SessionToken":"12345678","AppKey":"a+b="}',
        )
    ]
    assert there.asked[0][1] == "https://api.icicidirect.com/breezeapi/api/v1/customerdetails"


def test_many_threads_may_load_at_once() -> None:
    with ThreadPoolExecutor(8) as pool:
        modules = list(pool.map(lambda _: load_sdk(BreezeEndpoints.live(), Recorder({})), range(16)))
    assert len({id(module) for module in modules}) == 16
    assert all(module.BreezeConnect("k").parse_data for module in modules)


def test_the_login_page_encodes_the_key() -> None:
    page = BreezeEndpoints.live().login_page("a+b=c!#")
    assert page == "https://api.icicidirect.com/apiuser/login?api_key=a%2Bb%3Dc%21%23"
