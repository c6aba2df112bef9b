"""Mails over SMTP."""

from dataclasses import dataclass, field
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP, SMTPUTF8
from email.utils import formatdate, make_msgid
from typing import Literal

import aiosmtplib

from breezeway.errors import Misconfigured, UpstreamUnavailable
from breezeway.mail.message import Mail

_TIMEOUT_SECONDS = 15.0

Encryption = Literal["starttls", "tls", "none"]


@dataclass(frozen=True, slots=True)
class SmtpServer:
    """Where to and as whom. `starttls` begins in the clear and refuses to go on when the server offers no TLS."""

    host: str
    port: int
    sender: str
    user: str | None = None
    password: str | None = field(default=None, repr=False)
    encryption: Encryption = "starttls"


class SmtpMailer:
    """One connection a mail: there are few, and one kept open dies unnoticed."""

    def __init__(self, server: SmtpServer) -> None:
        self._server = server

    async def send(self, mail: Mail) -> None:
        """Raises UpstreamUnavailable: `mail_server_unavailable`."""
        server = self._server
        try:
            await aiosmtplib.send(
                _message(mail, server.sender),
                hostname=server.host,
                port=server.port,
                username=server.user,
                password=server.password,
                use_tls=server.encryption == "tls",
                start_tls=server.encryption == "starttls",
                timeout=_TIMEOUT_SECONDS,
            )
        except (aiosmtplib.SMTPException, OSError, ValueError) as error:
            # The server's words may quote the recipient; the class says enough for the log.
            raise UpstreamUnavailable(
                f"The mail server did not take the mail ({type(error).__name__}).", code="mail_server_unavailable"
            ) from error


class NoMailer:
    """Stands in where no mail server is configured: mails wait, and the log says why."""

    async def send(self, mail: Mail) -> None:
        raise Misconfigured("No mail server is configured; set SMTP_HOST and MAIL_FROM.", code="mail_not_configured")


def _message(mail: Mail, sender: str) -> EmailMessage:
    international = not (mail.recipient.isascii() and sender.isascii())
    message = EmailMessage(policy=SMTPUTF8 if international else SMTP)
    domain = sender.rpartition("@")[2].rstrip("> ") or "breezeway"
    message["From"] = sender
    # As an object: a text would be parsed, and an odd local part could add recipients.
    message["To"] = Address(addr_spec=mail.recipient)
    message["Subject"] = mail.subject
    message["Date"] = formatdate(usegmt=True)
    message["Message-ID"] = f"<{mail.id}@{domain}>" if mail.id else make_msgid(domain=domain)
    message["Auto-Submitted"] = "auto-generated"
    message.set_content(mail.body)
    return message
