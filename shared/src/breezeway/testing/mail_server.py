"""A real SMTP server for tests."""

import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from email import message_from_bytes, policy
from email.message import EmailMessage
from typing import Any

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope, Session


class MailServer:
    """An SMTP server that keeps what it gets, and refuses while `refusal` is set."""

    def __init__(self) -> None:
        self.mails: list[EmailMessage] = []
        self.envelopes: list[Envelope] = []
        self.refusal = ""

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        if self.refusal:
            return self.refusal
        assert isinstance(envelope.content, bytes)
        self.envelopes.append(envelope)
        self.mails.append(message_from_bytes(envelope.content, policy=policy.default))
        return "250 OK"


@asynccontextmanager
async def mail_server() -> AsyncIterator[tuple[MailServer, dict[str, Any]]]:
    """A running server, and the settings that name it."""
    server = MailServer()
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    controller = Controller(server, hostname="127.0.0.1", port=port)
    controller.start()
    try:
        yield (
            server,
            {
                "SMTP_HOST": "127.0.0.1",
                "SMTP_PORT": port,
                "SMTP_TLS": "none",
                "MAIL_FROM": "Breezeway <no-reply@breezeway.example>",
            },
        )
    finally:
        controller.stop()
