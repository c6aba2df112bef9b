"""Fill a development stack with a demo user who already sees live data: `python -m breezeway.cli.seed`.

It walks the way every user walks, through the public API: register, add a broker account, log in at the (simulated)
broker, fetch the master, load some history. Running it again only does what is missing, so every start runs it.
"""

import json
import os
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx

from breezeway.clock import IST, SystemClock

EMAIL = "demo@example.com"
PASSWORD = "breezeway-demo"  # noqa: S105 - printed at every start; the stack listens on loopback only
ACCOUNT_LABEL = "Simulator"
SIMULATOR_KEY = "sim+key=1"
SIMULATOR_SECRET = "sim-secret"  # noqa: S105 - the simulator's documented default
SYMBOLS = ("NSE_INDEX:NIFTY", "NSE:RELIANCE", "NSE:INFY")
HISTORY_DAYS = 10
_POLL_SECONDS = 0.3
_SYNC_SECONDS = 120
_BACKFILL_SECONDS = 90

Say = Callable[[str], None]


class SeedFailed(Exception):
    """A step did not work; the text says which and why."""


@dataclass(frozen=True, slots=True)
class Seed:
    """The demo's steps against one gateway.

    Args:
        gateway: the public API.
        simulator: the Breeze simulator.
        say: shows a line of progress.
    """

    gateway: httpx.Client
    simulator: httpx.Client
    say: Say

    def run(self) -> None:
        """Do what is missing.

        Raises:
            SeedFailed: with the step and the API's own words.
        """
        self._sign_in()
        self._connect_broker()
        self._sync_master()
        self._load_history()

    def _sign_in(self) -> None:
        credentials = {"email": EMAIL, "password": PASSWORD}
        answer = self.gateway.post("/api/v1/auth/register", json={**credentials, "full_name": "Demo"})
        if answer.status_code not in (201, 409):
            raise _failed("register the demo user", answer)
        answer = self.gateway.post("/api/v1/auth/login", json=credentials)
        if answer.status_code != 200:
            raise _failed("sign the demo user in (its password was changed?)", answer)
        self.gateway.headers["Authorization"] = f"Bearer {answer.json()['access_token']}"
        self.say("demo user signed in")

    def _connect_broker(self) -> None:
        accounts = self._get("/api/v1/broker-accounts")["items"]
        account = next((item for item in accounts if item["label"] == ACCOUNT_LABEL), None)
        if account is None:
            account = self._send(
                "/api/v1/broker-accounts",
                {
                    "broker": "breeze",
                    "label": ACCOUNT_LABEL,
                    "api_key": SIMULATOR_KEY,
                    "api_secret": SIMULATOR_SECRET,
                    "environment": "simulator",
                },
            )
        path = f"/api/v1/broker-accounts/{account['id']}"
        if self._get(f"{path}/session")["state"] == "active" and self._still_valid(path):
            self.say("broker session is active")
            return
        login = self.simulator.post("/_sim/login", json={"api_key": SIMULATOR_KEY})
        if login.status_code != 200:
            raise _failed("log in at the simulator", login)
        self._send(f"{path}/session", {"api_session": login.json()["api_session"]})
        self.say("broker session connected")

    def _still_valid(self, path: str) -> bool:
        # The simulator forgets its sessions when it restarts; the vault does not know that.
        return self.gateway.get(f"{path}/funds").status_code == 200

    def _sync_master(self) -> None:
        if self.gateway.get("/api/v1/instruments/NSE:RELIANCE").status_code == 200:
            self.say("instrument master is there")
            return
        answer = self.gateway.post("/api/v1/instruments/sync")
        if answer.status_code not in (202, 409):
            raise _failed("start the sync of the instrument master", answer)
        self._wait(
            "the instrument master",
            _SYNC_SECONDS,
            lambda: self.gateway.get("/api/v1/instruments/NSE:RELIANCE").status_code == 200,
        )
        self.say("instrument master synced")

    def _load_history(self) -> None:
        existing = self._get("/api/v1/backfills")["items"]
        if existing:
            self.say("history is there")
            return
        today = SystemClock().now().astimezone(IST).date()
        asked = {
            "symbols": list(SYMBOLS),
            "interval": "1m",
            "from": (today - timedelta(days=HISTORY_DAYS)).isoformat(),
            "to": today.isoformat(),
        }
        backfill = self._send("/api/v1/backfills", asked)
        path = f"/api/v1/backfills/{backfill['id']}"
        self._wait(
            "the history", _BACKFILL_SECONDS, lambda: self._get(path)["state"] in ("done", "failed", "cancelled")
        )
        self.say(f"{self._get(path)['candles_written']:,} one-minute candles loaded")

    def _get(self, path: str) -> Any:
        answer = self.gateway.get(path)
        if answer.status_code != 200:
            raise _failed(f"GET {path}", answer)
        return answer.json()

    def _send(self, path: str, body: dict[str, Any]) -> Any:
        answer = self.gateway.post(path, json=body)
        if answer.status_code not in (200, 201, 202):
            raise _failed(f"POST {path}", answer)
        return answer.json()

    def _wait(self, what: str, seconds: float, done: Callable[[], bool]) -> None:
        deadline = time.monotonic() + seconds
        while not done():
            if time.monotonic() > deadline:
                raise SeedFailed(f"{what} was not ready after {seconds:.0f} s; see the logs of the workers")
            time.sleep(_POLL_SECONDS)


def _failed(step: str, answer: httpx.Response) -> SeedFailed:
    try:
        detail = answer.json().get("detail", "")
    except ValueError:
        detail = answer.text[:200]
    return SeedFailed(f"could not {step}: {answer.status_code} {detail}")


def main() -> int:
    """Seed the stack that the environment names; the exit code says whether it worked."""
    started = time.monotonic()

    def say(text: str) -> None:
        sys.stdout.write(f"{text} ({time.monotonic() - started:.1f} s)\n")
        sys.stdout.flush()

    timeout = httpx.Timeout(30, connect=5)
    with (
        httpx.Client(base_url=os.environ["GATEWAY_URL"], timeout=timeout) as gateway,
        httpx.Client(base_url=os.environ["BREEZE_SIMULATOR_URL"], timeout=timeout) as simulator,
    ):
        try:
            Seed(gateway, simulator, say).run()
        except (SeedFailed, httpx.HTTPError) as error:
            sys.stderr.write(f"The demo is incomplete: {error}\n")
            return 1
    _remember_login(Path(os.environ["BREEZEWAY_HOME"]))
    return 0


def _remember_login(home: Path) -> None:
    """Leave the login where `breezeway run` finds it, to print it once everything is ready."""
    (home / "demo.json").write_text(json.dumps({"email": EMAIL, "password": PASSWORD}))


if __name__ == "__main__":
    sys.exit(main())
