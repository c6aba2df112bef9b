"""Linking a Telegram chat: whoever names one proves that they read it, or anybody could have us write to strangers."""

import hashlib
import hmac
import secrets
from dataclasses import replace
from datetime import timedelta
from typing import Final
from uuid import UUID

from breezeway.clock import Clock
from breezeway.errors import Conflict, Forbidden, NotFound, RateLimited
from notifications_service.application.ports import Telegram, WorkFactory
from notifications_service.domain.model import TelegramLink

_CODE_LIFE: Final = timedelta(minutes=10)
_TRIES: Final = 5
_ASKED: Final = 3
_ASKED_WITHIN: Final = timedelta(hours=1)


class TelegramLinks:
    """`telegram` is None in a deployment without a bot."""

    def __init__(self, work: WorkFactory, telegram: Telegram | None, clock: Clock) -> None:
        self._work = work
        self._telegram = telegram
        self._clock = clock

    async def get(self, user_id: UUID) -> TelegramLink | None:
        async with self._work() as work:
            return await work.telegram(user_id)

    async def begin(self, user_id: UUID, chat_id: str) -> TelegramLink:
        """Send a code to the chat.

        Raises:
            Conflict: `telegram_not_configured`. RateLimited: `telegram_codes`.
            Rejected, Retryable: Telegram did not take the message.
        """
        if self._telegram is None:
            raise Conflict("The operator has set up no Telegram bot.", code="telegram_not_configured")
        now = self._clock.now()
        code = f"{secrets.randbelow(1_000_000):06}"
        async with self._work() as work:
            await work.hold_user(user_id)
            before = await work.telegram(user_id, lock=True)
            recent = before is not None and now - before.asked_since < _ASKED_WITHIN
            asked = before.asked if before is not None and recent else 0
            if asked >= _ASKED:
                raise RateLimited("Three codes in an hour are enough; try again later.", code="telegram_codes")
            link = TelegramLink(
                user_id=user_id,
                chat_id=chat_id,
                confirmed=False,
                code_hash=_hashed(user_id, code),
                code_until=now + _CODE_LIFE,
                tries=0,
                asked=asked + 1,
                asked_since=before.asked_since if before is not None and recent else now,
            )
            await work.save_telegram(link)
            await work.commit()
        await self._telegram.send(chat_id, f"Breezeway: the code to link this chat is {code}. Ignore it if unasked.")
        return link

    async def confirm(self, user_id: UUID, code: str) -> TelegramLink:
        """Raises Forbidden: `bad_code`, also for one that was tried too often or is too old."""
        async with self._work() as work:
            link = await work.telegram(user_id, lock=True)
            if link is None or link.confirmed or link.tries >= _TRIES or link.code_until <= self._clock.now():
                raise _bad_code()
            right = hmac.compare_digest(link.code_hash, _hashed(user_id, code))
            link = replace(link, confirmed=right, tries=link.tries + 1)
            await work.save_telegram(link)
            await work.commit()
        if not right:
            raise _bad_code()
        return link

    async def remove(self, user_id: UUID) -> None:
        """Raises NotFound: `telegram_not_linked`."""
        async with self._work() as work:
            link = await work.telegram(user_id, lock=True)
            if link is None or not link.chat_id:
                raise NotFound("No Telegram chat is linked.", code="telegram_not_linked")
            # The row stays, because it counts the codes.
            await work.save_telegram(replace(link, chat_id="", confirmed=False, tries=_TRIES))
            await work.commit()


def _hashed(user_id: UUID, code: str) -> bytes:
    return hashlib.sha256(user_id.bytes + code.encode(errors="replace")).digest()


def _bad_code() -> Forbidden:
    return Forbidden("The code is wrong or too old. Ask for a new one.", code="bad_code")
