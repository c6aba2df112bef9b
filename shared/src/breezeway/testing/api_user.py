"""A user of a running stack, doing through the public API what users do."""

import re
from dataclasses import dataclass, field
from html import unescape
from typing import Any
from urllib.parse import parse_qs, urljoin, urlsplit

import httpx

from breezeway.ids import new_id


@dataclass
class ApiUser:
    """A user of a running stack, with a broker app of their own at the simulator."""

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
            assert answer.status_code == 200, answer.text
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
