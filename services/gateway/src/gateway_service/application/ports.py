"""What the gateway's use cases need from outside."""

from collections.abc import AsyncIterator
from typing import Protocol


class Answer(Protocol):
    """A service's answer, still arriving."""

    @property
    def status(self) -> int: ...

    @property
    def headers(self) -> list[tuple[bytes, bytes]]:
        """As they came, their names in lower case."""

    @property
    def length(self) -> int | None:
        """Bytes of the body, when it was said."""

    def chunks(self) -> AsyncIterator[bytes]:
        """The body as it was sent, content encoding included; closes the connection at its end."""

    async def read(self, limit: int) -> bytes:
        """The whole body, content encoding included.

        Raises:
            UpstreamFault: it is larger than `limit` bytes.
        """


class ServicePort(Protocol):
    """The services behind the gateway."""

    @property
    def names(self) -> list[str]: ...

    async def forward(
        self,
        service: str,
        method: str,
        target: bytes,
        headers: list[tuple[str, str]],
        body: bytes | None,
    ) -> Answer: ...

    async def get_json(self, service: str, path: str, seconds: float) -> tuple[int, dict[str, object]]: ...
