"""The Breeze simulator as a process of its own, with a session opened at it: for tests of those who call the broker."""

import base64
import os
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

import httpx

from breezeway.testing.feed_stack import free_port

API_KEY, API_SECRET = "sim+key=1", "sim-secret"
ORDER_PATHS = tuple(f"/breezeapi/api/v1/{name}" for name in ("order", "squareoff", "gttorder"))


@dataclass
class BrokerSimulator:
    """Use as a context manager.

    Args:
        log: where its output goes.
        environment: of the simulator, on top of a fixed day's market.
    """

    log: Path
    environment: dict[str, str] = field(default_factory=dict)
    url: str = ""
    user_id: str = ""
    session_key: str = ""
    api_key: str = API_KEY
    _customers: int = 0
    _process: "subprocess.Popen[bytes] | None" = None

    def __enter__(self) -> Self:
        port = free_port()
        self.url = f"http://127.0.0.1:{port}"
        chosen = {"BREEZE_SIM_CLOCK": "replay:2026-11-18", "BREEZE_SIM_SEED": "7", "LOG_FORMAT": "json"}
        command = (
            *(sys.executable, "-m", "uvicorn", "--factory", "breeze_simulator.main:create_app"),
            *("--host", "127.0.0.1", "--port", str(port), "--log-level", "warning", "--ws", "websockets-sansio"),
        )
        with self.log.open("ab") as out:
            self._process = subprocess.Popen(  # noqa: S603 - our own module, run by our own interpreter
                command, env={**os.environ, **chosen, **self.environment}, stdout=out, stderr=out
            )
        deadline = time.monotonic() + 120
        while not self._answers():
            assert time.monotonic() < deadline, self.log.read_text()[-2000:]
            time.sleep(0.1)
        self.log_in()
        return self

    def __exit__(self, *_error: object) -> None:
        if self._process is None:
            return
        self._process.terminate()
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def another_customer(self) -> None:
        """Log in as another customer of the broker, one with an empty order book."""
        self._customers += 1
        self.api_key = f"customer+{self._customers}"
        self.control(
            "POST", "apps", {"api_key": self.api_key, "secret": API_SECRET, "user_id": f"CUSTOMER{self._customers}"}
        )
        self.log_in()

    def log_in(self) -> None:
        """Open a session."""
        answer = httpx.post(f"{self.url}/_sim/login", json={"api_key": self.api_key}).raise_for_status()
        details = httpx.request(
            "GET",
            f"{self.url}/breezeapi/api/v1/customerdetails",
            headers={"Content-Type": "application/json"},
            json={"SessionToken": answer.json()["api_session"], "AppKey": self.api_key},
        )
        token = details.json()["Success"]["session_token"]
        self.user_id, _, self.session_key = base64.b64decode(token).decode().partition(":")

    def credentials(self) -> dict[str, Any]:
        """What auth's vault would give, but for whose it is."""
        return {
            "environment": "simulator",
            "version": 1,
            "api_key": self.api_key,
            "api_secret": API_SECRET,
            "broker_user_id": self.user_id,
            "session_key": self.session_key,
            "expires_at": "2999-01-01T00:00:00Z",
        }

    def control(self, method: str, path: str, body: object = None) -> Any:
        """Ask or tell the control routes."""
        return httpx.request(method, f"{self.url}/_sim/{path}", json=body, timeout=30).raise_for_status().json()

    def remarks(self) -> list[str]:
        """The remarks of all orders that the broker has taken."""
        return [each["user_remark"] for each in self.control("GET", "orders")["items"]]

    def mark(self) -> int:
        """Where the journal stands, for `calls`."""
        return int(self.control("GET", "journal?limit=1")["last_seq"])

    def calls(self, since: int = 0) -> list[dict[str, Any]]:
        """Calls of the order endpoints that change something, after a mark, as far as the journal's ring reaches."""
        items = self.control("GET", f"journal?kind=http&limit=10000&since={since}")["items"]
        return [each for each in items if each["method"] != "GET" and each["path"].startswith(ORDER_PATHS)]

    def _answers(self) -> bool:
        try:
            return httpx.get(self.url + "/readyz", timeout=2).status_code == 200
        except httpx.HTTPError:
            return False
