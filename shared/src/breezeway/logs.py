"""Structured logs: one line an event, the request id on each, no secret in any.

`configure` is called once, by an entrypoint. Everybody else asks `structlog.get_logger()` and passes facts as keywords.
"""

import logging
import re
import sys
from collections.abc import MutableMapping
from typing import Any

import structlog

REDACTED = "[redacted]"

_SECRET_KEY = re.compile(
    r"(secret|passw|token|authorization|cookie|api_?key|api_?session|session_?key|apisession|otp|checksum)",
    re.I,
)
_SECRET_IN_TEXT = (
    re.compile(r"(?i)\b(bearer\s+)[A-Za-z0-9._~+/=-]{8,}"),
    re.compile(r"()\bbwk_[A-Za-z0-9_-]{8,}"),
    re.compile(r"()\beyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+"),
    re.compile(
        r"(?i)((?:apisession|api_session|session_?token|access_token|refresh_token|api_secret|password)[\"']?\s*[=:]\s*[\"']?)[^\s&\"',}]+"
    ),
    # A query string, as HTTP clients write URLs into their own logs.
    re.compile(r"(?i)([?&](?:api_?key|token|secret|otp|code|state|key)=)[^\s&\"']+"),
    # Headers as pairs, as httpcore and aiohttp show them.
    re.compile(
        r"(?i)(b?[\"'](?:authorization|cookie|set-cookie|x-api-key|x-service-token|x-sessiontoken|x-checksum)[\"']"
        r"\s*[,:]\s*b?[\"'])[^\"']+"
    ),
    re.compile(r"(://[^:/\s@]+:)[^@/\s]+(?=@)"),
)


def redact_text(text: str) -> str:
    """`text` with anything that looks like a credential replaced."""
    for pattern in _SECRET_IN_TEXT:
        text = pattern.sub(rf"\1{REDACTED}", text)
    return text


def _redact(value: Any, depth: int = 0) -> Any:
    if isinstance(value, str):
        return redact_text(value)
    if depth >= 6:
        return value
    if isinstance(value, dict):
        return {k: REDACTED if _names_a_secret(k) else _redact(v, depth + 1) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [_redact(item, depth + 1) for item in value]
    return value


def _names_a_secret(key: object) -> bool:
    return isinstance(key, str) and _SECRET_KEY.search(key) is not None


def redact_event(_logger: Any, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Structlog processor: the last stop before a line is written, so that nothing can slip past it."""
    for key, value in event.items():
        event[key] = REDACTED if key != "event" and _names_a_secret(key) and value is not None else _redact(value)
    return event


def configure(service: str, *, log_format: str = "console", level: str = "INFO") -> None:
    """Send structlog and the standard library's logging through one pipeline to stdout.

    Args:
        service: name of the process, on every line.
        log_format: `json` for machines, `console` for people.
        level: name of the lowest level written.
    """
    shared: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,
        redact_event,
    ]
    renderer: structlog.typing.Processor
    if log_format == "json":
        renderer = structlog.processors.JSONRenderer(ensure_ascii=False)
    else:
        renderer = structlog.dev.ConsoleRenderer(colors=False, pad_event_to=0)
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, renderer],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level.upper())
    for chatty in ("httpx", "httpcore", "engineio", "socketio", "uvicorn.access", "arq.worker"):
        logging.getLogger(chatty).setLevel(logging.WARNING)
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=False,
    )
    structlog.contextvars.bind_contextvars(service=service)
