"""The whole stack for end-to-end tests: started as `make run` starts it, used as its users use it."""

import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from html import unescape
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urljoin, urlsplit

import httpx

from breezeway.ids import new_id

_START_SECONDS = 180
_STOP_SECONDS = 40


class StackFailed(Exception):
    """The stack did not come up; the text ends with its log."""


class RunningStack:
    """`breezeway run` in a folder of its own, on a free port.

    Args:
        root: the checkout.
        home: the data folder; the log is written beside the data.
        environment: added to ours (simulator settings and the like).
    """

    def __init__(self, root: Path, home: Path, environment: Mapping[str, str] | None = None) -> None:
        self._root = root
        self.home = home
        self._environment = dict(environment or {})
        self._process: subprocess.Popen[bytes] | None = None
        self.url = ""
        self.seconds_to_ready = 0.0

    @property
    def pid(self) -> int:
        """The supervisor's process id."""
        if self._process is None:
            raise RuntimeError("the stack is not running")
        return self._process.pid

    @property
    def log(self) -> str:
        """Everything the stack has printed so far."""
        return (self.home / "stack.log").read_text(errors="replace")

    def start(self) -> "RunningStack":
        """Start, and return when the stack says that it is ready.

        Raises:
            StackFailed: it ended, or was not ready in time.
        """
        port = _free_port()
        self.home.mkdir(parents=True, exist_ok=True)
        self.url = f"http://127.0.0.1:{port}"
        environment = {
            **{name: value for name, value in os.environ.items() if name not in ("DATABASE_URL", "REDIS_URL")},
            **self._environment,
            "PORT": str(port),
            "BREEZEWAY_HOME": str(self.home),
        }
        started = time.monotonic()
        with (self.home / "stack.log").open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "breezeway.cli.main", "run"],
                cwd=self._root,
                env=environment,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        while "Breezeway is ready" not in self.log:
            if self._process.poll() is not None or time.monotonic() - started > _START_SECONDS:
                self.stop()
                raise StackFailed(f"the stack did not become ready:\n{self.log[-6000:]}")
            time.sleep(0.1)
        self.seconds_to_ready = time.monotonic() - started
        return self

    def stop(self) -> int:
        """SIGTERM, then wait; returns the exit status."""
        if self._process is None:
            return 0
        process, self._process = self._process, None
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
        try:
            return process.wait(_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            raise StackFailed(f"the stack did not stop within {_STOP_SECONDS} s:\n{self.log[-3000:]}") from None

    def __enter__(self) -> "RunningStack":
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()


@dataclass
class TestUser:
    """A user of a running stack, with a broker app of their own at the simulator."""

    __test__ = False  # its name begins with Test, but it is not one

    http: httpx.AsyncClient
    email: str = field(default_factory=lambda: f"user-{new_id().hex}@example.com")
    password: str = field(default_factory=lambda: f"Pw-{new_id().hex}")
    account_id: str = ""
    simulator: str = ""
    api_key: str = ""
    refresh_token: str = ""

    @property
    def token(self) -> str:
        return self.http.headers["Authorization"].removeprefix("Bearer ")

    async def register(self) -> None:
        answer = await self.http.post("/api/v1/auth/register", json={"email": self.email, "password": self.password})
        assert answer.status_code == 201, answer.text

    async def sign_in(self) -> None:
        answer = await self.http.post("/api/v1/auth/login", json={"email": self.email, "password": self.password})
        assert answer.status_code == 200, answer.text
        self.http.headers["Authorization"] = f"Bearer {answer.json()['access_token']}"
        self.refresh_token = answer.json()["refresh_token"]

    async def add_broker_account(self, api_key: str = "sim+key=1", api_secret: str = "sim-secret") -> None:
        answer = await self.http.post(
            "/api/v1/broker-accounts",
            json={
                "broker": "breeze",
                "label": "Simulator",
                "api_key": api_key,
                "api_secret": api_secret,
                "environment": "simulator",
            },
        )
        assert answer.status_code == 201, answer.text
        assert api_secret not in answer.text
        self.account_id = answer.json()["id"]
        self.api_key = api_key
        login = await self.http.get(f"/api/v1/broker-accounts/{self.account_id}/login-url")
        parts = urlsplit(login.json()["url"])
        self.simulator = f"{parts.scheme}://{parts.netloc}"

    async def own_app(self) -> None:
        """Replace the shared default app by one of this user's own, so that its broker quota is its own too."""
        name = new_id().hex[-8:]
        app = {"api_key": f"k+{name}=", "secret": f"s-{name}", "user_id": f"U{name.upper()}", "user_name": "TEST USER"}
        async with httpx.AsyncClient() as plain:
            answer = await plain.post(f"{self.simulator}/_sim/apps", json=app)
            assert answer.status_code in (200, 201), answer.text
        await self.http.delete(f"/api/v1/broker-accounts/{self.account_id}")
        await self.add_broker_account(app["api_key"], app["secret"])

    async def log_in_at_broker(self) -> httpx.Response:
        """Open the login URL, press its button, follow the redirect to our callback, as a browser would."""
        login = await self.http.get(f"/api/v1/broker-accounts/{self.account_id}/login-url")
        url = login.json()["url"]
        async with httpx.AsyncClient() as browser:
            page = await browser.get(url)
            assert page.status_code == 200, page.text
            action, fields = _form(page.text)
            answer = await browser.post(urljoin(url, action), data=fields, follow_redirects=False)
            assert answer.status_code in (302, 303), answer.text
        landing = answer.headers["location"]
        assert "apisession" in parse_qs(urlsplit(landing).query)
        return await self.http.get(landing)

    async def connect_broker(self) -> None:
        """Account, own app, login: the session is active afterwards."""
        await self.add_broker_account()
        await self.own_app()
        assert (await self.log_in_at_broker()).status_code == 200
        assert (await self.session())["state"] == "active"

    async def session(self) -> dict[str, Any]:
        answer = await self.http.get(f"/api/v1/broker-accounts/{self.account_id}/session")
        found: dict[str, Any] = answer.json()
        return found


def _form(html: str) -> tuple[str, dict[str, str]]:
    action = re.search(r'<form[^>]*action="([^"]*)"', html)
    fields = dict(re.findall(r'<input[^>]*name="([^"]*)"[^>]*value="([^"]*)"', html))
    return unescape(action.group(1)) if action else "", {name: unescape(value) for name, value in fields.items()}


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
        return port
