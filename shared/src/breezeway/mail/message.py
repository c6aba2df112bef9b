"""A mail as it leaves."""

from dataclasses import dataclass
from uuid import UUID


@dataclass(frozen=True, slots=True)
class Mail:
    """A mail as it leaves: plain text. With an `id`, a mail that is sent twice is the same mail to mail programs."""

    recipient: str
    subject: str
    body: str
    id: UUID | None = None
