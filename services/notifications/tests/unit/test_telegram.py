"""What the bot API's answers mean, and that its token stays out of what is raised."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from breezeway.errors import BreezewayError, Rejected, UpstreamUnavailable
from notifications_service.adapters.channels.telegram import HttpTelegram

TOKEN = "12345:telegram-bot-token"


@asynccontextmanager
async def telegram(answer: str) -> AsyncIterator[tuple[HttpTelegram, list[bytes]]]:
    """A bot whose API gives `answer` (status line and headers) to everybody; what it was asked."""
    asked: list[bytes] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            head = await reader.readuntil(b"\r\n\r\n")
            length = next(int(line[15:]) for line in head.lower().splitlines() if line.startswith(b"content-length:"))
            asked.append(head + await reader.readexactly(length))
            writer.write(f"HTTP/1.1 {answer}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n".encode())
        finally:
            writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    made = HttpTelegram(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/", TOKEN)
    try:
        yield made, asked
    finally:
        await made.aclose()
        server.close()
        await server.wait_closed()


async def test_a_message_is_plain_text_and_not_longer_than_telegram_takes() -> None:
    async with telegram("200 OK") as (bot, asked):
        await bot.send("42", "*" * 5_000)
    assert asked[0].startswith(f"POST /bot{TOKEN}/sendMessage ".encode())
    assert asked[0].partition(b"\r\n\r\n")[2].count(b"*") == 4_000
    assert b"parse_mode" not in asked[0]


@pytest.mark.parametrize(
    ("answer", "error", "code", "retry_after"),
    [
        ("403 Forbidden", Rejected, "telegram_refused", None),
        ("400 Bad Request", Rejected, "telegram_refused", None),
        ("429 Too Many Requests\r\nRetry-After: 17", UpstreamUnavailable, "telegram_busy", 17.0),
        ("429 Too Many Requests\r\nRetry-After: soon", UpstreamUnavailable, "telegram_busy", None),
        ("500 Internal Server Error", UpstreamUnavailable, "telegram_500", None),
        ("404 Not Found", UpstreamUnavailable, "telegram_404", None),
    ],
)
async def test_an_answer_says_whether_to_try_again(
    answer: str, error: type[BreezewayError], code: str, retry_after: float | None
) -> None:
    async with telegram(answer) as (bot, _asked):
        with pytest.raises(error) as raised:
            await bot.send("42", "Bought 10 NSE:RELIANCE")
    assert (raised.value.code, raised.value.retry_after) == (code, retry_after)


async def test_an_api_that_cannot_be_reached_is_no_place_for_the_token() -> None:
    away = HttpTelegram("http://127.0.0.1:1", TOKEN)
    with pytest.raises(UpstreamUnavailable) as raised:
        await away.send("42", "Bought 10 NSE:RELIANCE")
    assert raised.value.code == "telegram_unavailable"
    assert raised.value.__cause__ is None
    assert TOKEN not in str(raised.value)
    await away.aclose()
