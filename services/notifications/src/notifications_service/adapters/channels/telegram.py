"""Telegram's bot API."""

import httpx

from breezeway.errors import Rejected, UpstreamTimeout, UpstreamUnavailable

_TIMEOUT = httpx.Timeout(10.0)
_LONGEST = 4_000


class HttpTelegram:
    """Implements `ports.Telegram`.

    Args:
        base_url: `https://api.telegram.org`, or what stands in for it.
        token: the bot's; a part of every URL, so no URL may be logged.
    """

    def __init__(self, base_url: str, token: str) -> None:
        self._http = httpx.AsyncClient(base_url=f"{base_url.rstrip('/')}/bot{token}", timeout=_TIMEOUT, trust_env=False)

    async def send(self, chat_id: str, text: str) -> None:
        # No parse mode: what users named things is text, not markup.
        body = {"chat_id": chat_id, "text": text[:_LONGEST], "disable_web_page_preview": True}
        try:
            response = await self._http.post("/sendMessage", json=body)
        except httpx.TimeoutException:
            # Without the cause: its text may hold the URL.
            raise UpstreamTimeout("Telegram did not answer in time.", code="telegram_timeout") from None
        except httpx.HTTPError:
            raise UpstreamUnavailable("Telegram cannot be reached.", code="telegram_unavailable") from None
        if response.status_code == 429:
            wait = response.headers.get("Retry-After", "")
            raise UpstreamUnavailable(
                "Telegram takes no more messages now.",
                code="telegram_busy",
                retry_after=float(wait) if wait.isascii() and wait.isdigit() else None,
            )
        if response.status_code in (400, 403):
            raise Rejected("Telegram does not deliver to this chat.", code="telegram_refused")
        if response.status_code != 200:
            raise UpstreamUnavailable("Telegram refuses to send.", code=f"telegram_{response.status_code}")

    async def aclose(self) -> None:
        await self._http.aclose()
