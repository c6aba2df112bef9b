"""Alpaca's market-data stream (`/v2/{source}`) spoken over one of our connections."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final

import msgpack
import orjson

from breezeway.errors import BreezewayError
from breezeway.security.tokens import Principal
from gateway_service.application.connection import Connection, Disconnect
from gateway_service.application.dialects import WireMessage, packed, text, unpack
from gateway_service.application.parcels import lasting_parcel
from gateway_service.application.stream_ports import SymbolDirectory
from gateway_service.domain.alpaca import KINDS, AlpacaView, Body
from gateway_service.domain.close_codes import CloseCode
from gateway_service.domain.credentials import KEY_PREFIX

_ERRORS: Final = {
    400: "invalid syntax",
    401: "not authenticated",
    402: "auth failed",
    403: "already authenticated",
    404: "auth timeout",
    405: "symbol limit exceeded",
    406: "connection limit exceeded",
    407: "slow client",
    409: "insufficient subscription",
    500: "internal error",
}
_OWN: Final = "alpaca"
_MAX_SYMBOLS: Final = 1_000


class AlpacaDialect:
    """Implements `Dialect`. Key and secret are the two parts of an API key of ours (`bwk_<id>` and the rest); the
    secret may also be a whole API key or an access token, and the key is not looked at then.

    Args:
        symbols: for the names that clients use; one without an exchange is looked for as it is, then on NSE.
        packed: MessagePack instead of JSON.
    """

    def __init__(self, connection: Connection, *, symbols: SymbolDirectory, packed: bool) -> None:
        self._connection = connection
        self._symbols = symbols
        self._packed = packed
        self._view = AlpacaView()

    def welcome(self) -> None:
        self._say({"T": "success", "msg": "connected"})

    async def handle(self, frame: str | bytes) -> Principal | None:
        command = self._read(frame)
        match command.get("action"):
            case "auth":
                return await self._authenticate(command)
            case _ if self._connection.principal is None:
                self._error(401)
            case "subscribe":
                await self._change(command, adding=True)
            case "unsubscribe":
                await self._change(command, adding=False)
            case _:
                self._error(400)
        return None

    def encode(self, frame: bytes) -> Sequence[WireMessage]:
        messages: list[WireMessage] = []
        data: list[Body] = []
        for message in orjson.loads(frame):
            control = self._control(message)
            if control is not None:
                # Control messages come alone, and in their place among the data.
                messages += [self._pack(batch) for batch in (data, [control]) if batch]
                data = []
            else:
                data += self._view.translate(message)
        if data:
            messages.append(self._pack(data))
        return messages

    def farewell(self, code: CloseCode, reason: str) -> None:
        match code:
            case CloseCode.TOO_SLOW:
                self._error(407)
            case CloseCode.TOO_MANY_CONNECTIONS:
                self._error(406)
            case CloseCode.INTERNAL:
                self._error(500)
            case CloseCode.UNAUTHENTICATED if self._connection.principal is not None:
                self._error(401)
            case CloseCode.UNAUTHENTICATED:
                self._error(404 if reason == "authentication_expired" else 402)
            case CloseCode.BAD_REQUEST:
                self._error(400)

    def _read(self, frame: str | bytes) -> Mapping[str, Any]:
        try:
            # Text is JSON and binary is MessagePack, whatever we answer in: clients mix them.
            body = orjson.loads(frame) if isinstance(frame, str) else unpack(frame)
        except orjson.JSONDecodeError:
            body = None
        return body if isinstance(body, dict) else {}

    async def _authenticate(self, command: Mapping[str, Any]) -> Principal | None:
        if self._connection.principal is not None:
            self._error(403)
            return None
        secret = command.get("secret")
        if not isinstance(secret, str) or not secret:
            raise Disconnect(CloseCode.UNAUTHENTICATED, "no_secret")
        key = command.get("key")
        if secret.startswith(KEY_PREFIX):
            return await self._tell({"action": "auth", "api_key": secret})
        if isinstance(key, str) and key.startswith(KEY_PREFIX):
            return await self._tell({"action": "auth", "api_key": f"{key}_{secret}"})
        return await self._tell({"action": "auth", "token": secret})

    async def _change(self, command: Mapping[str, Any], *, adding: bool) -> None:
        asked: dict[str, frozenset[str]] = {}
        for kind in KINDS:
            names = command.get(kind, [])
            if not isinstance(names, list) or not all(isinstance(name, str) and name for name in names):
                return self._error(400)
            asked[kind] = frozenset(names)
        if any("*" in names for names in asked.values()):
            return self._error(409, "insufficient subscription: name the symbols instead of *")
        try:
            canonical = await self._canonical(frozenset().union(*asked.values()))
        except BreezewayError as error:
            return self._error(500, error.detail)
        unknown = frozenset().union(*asked.values()) - canonical.keys()
        if adding and unknown:
            return self._error(400, f"invalid syntax: there is no instrument {min(unknown)[:80]}")
        before = self._view.channels()
        wanted = {kind: frozenset(canonical[n] for n in names if n in canonical) for kind, names in asked.items()}
        sets = {kind: have | wanted[kind] if adding else have - wanted[kind] for kind, have in self._view.sets.items()}
        if len(frozenset().union(*sets.values())) > _MAX_SYMBOLS:
            return self._error(405)
        self._view.names |= {symbol: name for name, symbol in canonical.items()} if adding else {}
        self._view.sets = sets
        changed = sorted(self._view.channels() - before if adding else before - self._view.channels())
        if changed:
            await self._tell({"action": "subscribe" if adding else "unsubscribe", "id": _OWN, "channels": changed})
        else:
            self._say(self._view.subscription())
        return None

    async def _canonical(self, names: frozenset[str]) -> Mapping[str, str]:
        if not names:
            return {}
        found = dict(await self._symbols.canonical(names))
        bare = {f"NSE:{name}": name for name in names - found.keys() if ":" not in name}
        if bare:
            for symbol, canonical in (await self._symbols.canonical(bare.keys())).items():
                found[bare[symbol]] = canonical
        return found

    async def _tell(self, command: Body) -> Principal | None:
        return await self._connection.handle(orjson.dumps(command))

    def _control(self, message: Mapping[str, Any]) -> Body | None:
        match message.get("type"):
            case "alpaca":
                return dict(message["message"])
            case "authenticated":
                return {"T": "success", "msg": "authenticated"}
            case "subscribed" | "unsubscribed":
                self._view.keep_only(message["channels"])
                return self._view.subscription()
            case "error":
                code = 405 if message["code"] == "too_many_channels" else 409
                return {"T": "error", "code": code, "msg": f"{_ERRORS[code]}: {message['detail']}"}
            case _:
                return None

    def _error(self, code: int, detail: str | None = None) -> None:
        self._say({"T": "error", "code": code, "msg": detail or _ERRORS[code]})

    def _say(self, message: Body) -> None:
        self._connection.outbox.post(lasting_parcel(orjson.dumps({"type": "alpaca", "message": message})))

    def _pack(self, messages: list[Body]) -> WireMessage:
        when = msgpack.Timestamp.from_unix_nano if self._packed else _rfc3339
        timed = [message | {"t": when(message["t"] * 1_000_000)} if "t" in message else message for message in messages]
        return packed(timed) if self._packed else text(orjson.dumps(timed))


def _rfc3339(nanoseconds: int) -> str:
    moment = datetime.fromtimestamp(nanoseconds // 1_000_000_000, UTC)
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{nanoseconds % 1_000_000_000 // 1_000_000:03d}Z"
