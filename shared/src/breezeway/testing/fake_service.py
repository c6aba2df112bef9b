"""A service behind the gateway that records what reaches it, and plays as much of auth as the gateway asks for."""

import asyncio
import hashlib
import socket
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

import uvicorn
from cryptography.hazmat.primitives.asymmetric import ec
from fastapi import FastAPI, Request, Response
from fastapi.responses import JSONResponse, StreamingResponse

from breezeway.contracts.auth import KEY_SESSION_PREFIX
from breezeway.ids import new_id
from breezeway.security.tokens import AUDIENCE, ISSUER, SigningKey, sign
from breezeway.testing.eventually import eventually


@dataclass
class FakeKey:
    """An API key that the fake auth knows."""

    text: str
    user_id: UUID = field(default_factory=new_id)
    key_id: UUID = field(default_factory=new_id)
    allowed_ips: tuple[str, ...] = ()
    seconds: int = 900
    scopes: str = "read data"
    issued_in_the_past: int = 0


class FakeService:
    """Everything that is not a route of its own is recorded in `seen` and answered with 201 and a running number."""

    def __init__(self) -> None:
        self.signing_key = SigningKey("k1", ec.generate_private_key(ec.SECP256R1()))
        self.seen: list[dict[str, Any]] = []
        self.keys: dict[str, FakeKey] = {}
        self.exchanges: list[dict[str, Any]] = []
        self.away = False
        self.app = self._build()

    def access_token(self, user: UUID | str | None = None, **claims: Any) -> str:
        """A token that the gateway accepts."""
        now = int(time.time())
        known = {"iss": ISSUER, "aud": AUDIENCE, "sub": str(user or new_id()), "exp": now + 900, "iat": now}
        also = {"jti": new_id().hex, "sid": new_id().hex, "role": "user", "scope": "read data trade"}
        return sign({**known, **also, **claims}, self.signing_key)

    def add_key(self, **changes: Any) -> FakeKey:
        """Make a key known."""
        number = hashlib.sha256(new_id().bytes).hexdigest()
        key = FakeKey(f"bwk_{number[:22]}_{number[:43]}", **changes)
        self.keys[key.text] = key
        return key

    def _build(self) -> FastAPI:
        app = FastAPI()

        @app.get("/livez")
        async def livez() -> dict[str, str]:
            return {"status": "alive"}

        @app.get("/.well-known/jwks.json")
        async def jwks() -> dict[str, Any]:
            return {"keys": [self.signing_key.public_jwk()]}

        @app.post("/internal/api-keys/exchange")
        async def exchange(request: Request) -> Response:
            body = await request.json()
            self.exchanges.append(body)
            key = self.keys.get(body["key"])
            if self.away:
                return JSONResponse({"code": "auth_busy", "detail": "Later."}, status_code=503)
            if key is None:
                return JSONResponse({"code": "api_key_invalid", "detail": "Unknown."}, status_code=401)
            now = int(time.time()) - key.issued_in_the_past
            token = self.access_token(
                key.user_id, sid=f"{KEY_SESSION_PREFIX}{key.key_id}", scope=key.scopes, iat=now, exp=now + key.seconds
            )
            return JSONResponse(
                {
                    "access_token": token,
                    "expires_in": key.seconds,
                    "user_id": str(key.user_id),
                    "key_id": str(key.key_id),
                    "allowed_ips": list(key.allowed_ips),
                    "scopes": key.scopes.split(),
                }
            )

        @app.get("/internal/secret", include_in_schema=False)
        async def secret() -> str:
            return "secret"

        @app.get("/api/v1/auth/cookie")
        async def cookie(response: Response) -> None:
            response.set_cookie("state", new_id().hex)

        @app.api_route("/{path:path}", methods=["GET", "POST", "DELETE", "PUT", "PATCH"])
        async def anything(request: Request, path: str) -> Response:
            self.seen.append(
                {
                    "method": request.method,
                    "target": request.scope["raw_path"].decode(),
                    "query": request.scope["query_string"].decode(),
                    "headers": dict(request.headers),
                    "body": await request.body(),
                }
            )
            if path.endswith("slow"):
                await asyncio.sleep(0.5)
            if path.endswith("busy"):
                return Response('{"code":"busy"}', status_code=503, media_type="application/problem+json")
            if path.endswith("limited"):
                answer = Response('{"code":"slow"}', status_code=429, media_type="application/problem+json")
                answer.headers["Retry-After"] = "7"
                return answer
            if path.endswith("shown-once"):
                once = {"Cache-Control": "no-store"}
                return JSONResponse({"key": "canary-of-a-secret"}, status_code=201, headers=once)
            if path.endswith("large"):
                return _large(int(request.query_params["size"]), int(request.query_params.get("sent", "-1")))
            return Response(f'{{"n":{len(self.seen)}}}', status_code=201, media_type="application/json")

        return app


def large_body(size: int) -> bytes:
    """What `…/large?size=` answers: no piece of it is like another."""
    return b"".join(number.to_bytes(4, "big") for number in range(size // 4))


def _large(size: int, sent: int) -> Response:
    """With `sent`, the answer breaks off after so many bytes."""
    body = large_body(size)

    async def broken() -> AsyncIterator[bytes]:
        yield body[:sent]
        raise ConnectionResetError

    if sent < 0:
        return Response(body, media_type="application/octet-stream")
    return StreamingResponse(broken(), headers={"Content-Length": str(size)})


@asynccontextmanager
async def serve(app: FastAPI, **options: Any) -> AsyncIterator[str]:
    """`app` on a free port of the loopback, on this event loop; yields its origin."""
    listener = socket.create_server(("127.0.0.1", 0))
    chosen = {"log_level": "error", "ws": "none", "lifespan": "off", "timeout_graceful_shutdown": 2, **options}
    server = uvicorn.Server(uvicorn.Config(app, **chosen))
    serving = asyncio.create_task(server.serve(sockets=[listener]))
    try:
        await eventually(lambda: server.started, 10)
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        server.should_exit = True
        await serving
        listener.close()
