"""What a client may say on the stream, read from one text frame. Pure; the frame is hostile until proven otherwise."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, TypeAlias

import orjson

from breezeway.errors import InvalidInput

MAX_FRAME_BYTES: Final = 65_536
_MAX_TEXT: Final = 128
_MAX_TOKEN: Final = 8_192

CommandId: TypeAlias = int | str | None


class Unreadable(InvalidInput):
    """The frame is no JSON object of reasonable size: whoever sent it is no client of ours."""

    default_code = "invalid_frame"


class InvalidCommand(InvalidInput):
    """The frame is JSON, but no command; the connection may go on.

    Args:
        command_id: the id to answer with, where the frame had a usable one.
    """

    default_code = "invalid_command"

    def __init__(self, detail: str, command_id: CommandId = None) -> None:
        super().__init__(detail)
        self.command_id = command_id


@dataclass(frozen=True, slots=True)
class Authenticate:
    """`token` is an access token; `api_key` is what came instead of one."""

    token: str = ""
    id: CommandId = None
    api_key: str = ""

    def __repr__(self) -> str:
        return "Authenticate(token=[redacted])"


@dataclass(frozen=True, slots=True)
class Position:
    """A place in a durable channel."""

    offset: int
    epoch: str


@dataclass(frozen=True, slots=True)
class Subscribe:
    """`since` says of durable channels what the client has already."""

    channels: tuple[str, ...]
    id: CommandId = None
    since: Mapping[str, Position] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Unsubscribe:
    channels: tuple[str, ...]
    id: CommandId = None


@dataclass(frozen=True, slots=True)
class Ping:
    id: CommandId = None


Command: TypeAlias = Authenticate | Subscribe | Unsubscribe | Ping


def parse_frame(frame: str | bytes) -> Command:
    """Read one client frame.

    Raises:
        Unreadable: it is too large, or not a JSON object.
        InvalidCommand: its action or a field is wrong.
    """
    raw = frame.encode() if isinstance(frame, str) else frame
    if len(raw) > MAX_FRAME_BYTES:
        raise Unreadable(f"A frame may have {MAX_FRAME_BYTES:,} bytes.")
    try:
        # orjson refuses nesting deeper than 1,024 levels instead of exhausting the stack.
        body = orjson.loads(raw)
    except ValueError as error:
        raise Unreadable("A frame must be one JSON object.") from error
    if not isinstance(body, dict):
        raise Unreadable("A frame must be one JSON object.")
    command_id = _id(body.get("id"))
    match body.get("action"):
        case "auth":
            return _authenticate(body, command_id)
        case "subscribe":
            listed = body.get("channels")
            return Subscribe(_channels(listed, command_id), command_id, _since(listed, command_id))
        case "unsubscribe":
            return Unsubscribe(_channels(body.get("channels"), command_id), command_id)
        case "ping":
            return Ping(command_id)
        case _:
            raise InvalidCommand("`action` must be auth, subscribe, unsubscribe or ping.", command_id)


def _authenticate(body: Mapping[str, object], command_id: CommandId) -> Authenticate:
    given = {name: body[name] for name in ("token", "api_key") if body.get(name) is not None}
    if len(given) == 1:
        name, text = next(iter(given.items()))
        if isinstance(text, str) and 0 < len(text) <= _MAX_TOKEN:
            return Authenticate(id=command_id, **{name: text})
    raise InvalidCommand("`auth` needs either a `token` or an `api_key`.", command_id)


def _id(value: object) -> CommandId:
    if value is None or (type(value) is int and abs(value) < 2**63):
        return value
    if isinstance(value, str) and len(value) <= _MAX_TEXT:
        return value
    raise InvalidCommand("`id` must be an integer or a short text.")


def _channels(value: object, command_id: CommandId) -> tuple[str, ...]:
    if not isinstance(value, list) or not value:
        raise InvalidCommand('`channels` must be a list such as ["tick:NSE:RELIANCE"].', command_id)
    names = []
    for item in value:
        # A durable channel may say what it has seen: {"channel": "orders", "since": {...}}.
        name = item.get("channel") if isinstance(item, dict) else item
        if not isinstance(name, str) or not name or len(name) > _MAX_TEXT:
            raise InvalidCommand("A channel must be a short text.", command_id)
        names.append(name)
    return tuple(dict.fromkeys(names))


def _since(value: object, command_id: CommandId) -> dict[str, Position]:
    found = {}
    for item in value if isinstance(value, list) else ():
        if isinstance(item, dict) and (since := item.get("since")) is not None:
            offset = since.get("offset") if isinstance(since, dict) else None
            epoch = since.get("epoch") if isinstance(since, dict) else None
            if (
                type(offset) is not int
                or not 0 <= offset < 2**53
                or not isinstance(epoch, str)
                or len(epoch) > _MAX_TEXT
            ):
                raise InvalidCommand("`since` needs the `offset` and `epoch` of the last message.", command_id)
            found[item["channel"]] = Position(offset, epoch)
    return found
