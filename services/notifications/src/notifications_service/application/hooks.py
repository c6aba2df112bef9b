"""Alerts of other programs that become paper orders.

An alert is written down before trading is asked, and its id is the order's idempotency key: sent twice, or sent again
because nobody knows what became of it, it is one order. An alert whose outcome is unknown is never tried again by us,
only by its sender: minutes later the market is another one.
"""

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any, Final
from uuid import UUID, uuid5

from breezeway.clock import Clock
from breezeway.contracts.events import Event, EventKind, Severity
from breezeway.errors import (
    BreezewayError,
    Conflict,
    Forbidden,
    InvalidInput,
    NotFound,
    RateLimited,
    Rejected,
    Unauthenticated,
)
from breezeway.ids import new_id
from notifications_service.application.ports import Orders, WorkFactory
from notifications_service.application.receiving import Receiving
from notifications_service.domain.inbound import DEFAULT_TEMPLATE, SAME_BODY_WITHIN, fill, fingerprint, read_body
from notifications_service.domain.model import CallState, Hook, HookCall
from notifications_service.domain.signatures import SecretKey, is_secret, is_signed

MOST: Final = 20
_NONCE_BYTES: Final = 16
_KEPT: Final = timedelta(days=90)
_MINUTE: Final = timedelta(minutes=1)
_SECRET_FIELD: Final = "secret"  # noqa: S105 - the name of a field
_HOOK: Final = "hook"
_KEY_LENGTH: Final = 128


@dataclass(frozen=True, slots=True)
class Knock:
    """What a stranger sent: a body, and in the headers a secret, or a signature of the body."""

    body: bytes
    secret: str | None
    signature: str | None
    key: str | None


@dataclass(frozen=True, slots=True)
class Answer:
    """What became of an alert; `again` when it had come before."""

    call: HookCall
    again: bool


class Hooks:
    """Somebody else's hook is one that does not exist; to a stranger none does without its secret."""

    def __init__(self, work: WorkFactory, key: SecretKey, orders: Orders, receiving: Receiving, clock: Clock) -> None:
        self._work = work
        self._key = key
        self._orders = orders
        self._receiving = receiving
        self._clock = clock

    async def all_of(self, user_id: UUID) -> Sequence[Hook]:
        async with self._work() as work:
            return await work.hooks(user_id)

    async def get(self, user_id: UUID, hook_id: UUID) -> Hook:
        """Raises NotFound: `hook_not_found`."""
        async with self._work() as work:
            return _owned(await work.hook(hook_id), user_id)

    async def add(
        self, user_id: UUID, bearer: str, account_id: UUID, name: str, template: Mapping[str, str], per_minute: int
    ) -> tuple[Hook, str]:
        """The hook and its secret, which is shown only now.

        Raises:
            NotFound: `account_not_found`. Forbidden: `live_trading_disabled`. Conflict: `too_many_hooks`.
        """
        await self._orders.check_account(bearer, account_id)
        hook = Hook(
            id=new_id(),
            user_id=user_id,
            account_id=account_id,
            name=name,
            template=dict(template) or dict(DEFAULT_TEMPLATE),
            nonce=secrets.token_bytes(_NONCE_BYTES),
            active=True,
            created_at=self._clock.now(),
            calls_per_minute=per_minute,
        )
        async with self._work() as work:
            await work.hold_user(user_id)
            if len(await work.hooks(user_id)) >= MOST:
                raise Conflict(f"A user may have {MOST} hooks; delete one first.", code="too_many_hooks")
            await work.save_hook(hook)
            await work.commit()
        return hook, self._secret(hook)

    async def switch(self, user_id: UUID, hook_id: UUID, *, active: bool) -> Hook:
        """Raises NotFound: `hook_not_found`."""
        async with self._work() as work:
            hook = replace(_owned(await work.hook(hook_id, lock=True), user_id), active=active)
            await work.save_hook(hook)
            await work.commit()
        return hook

    async def new_secret(self, user_id: UUID, hook_id: UUID) -> tuple[Hook, str]:
        """Replace the secret. Raises NotFound: `hook_not_found`."""
        async with self._work() as work:
            before = _owned(await work.hook(hook_id, lock=True), user_id)
            hook = replace(before, nonce=secrets.token_bytes(_NONCE_BYTES))
            await work.save_hook(hook)
            await work.commit()
        return hook, self._secret(hook)

    async def remove(self, user_id: UUID, hook_id: UUID) -> None:
        """With its calls. Raises NotFound: `hook_not_found`."""
        async with self._work() as work:
            if not await work.remove_hook(user_id, hook_id):
                raise _missing()
            await work.commit()

    async def calls(self, user_id: UUID, hook_id: UUID, *, after: UUID | None, limit: int) -> Sequence[HookCall]:
        """Newest first, one more than the limit when there are more. Raises NotFound."""
        async with self._work() as work:
            _owned(await work.hook(hook_id), user_id)
            return await work.hook_calls(hook_id, after=after, limit=limit + 1)

    async def knock(self, hook_id: UUID, knock: Knock) -> Answer:
        """Take an alert in and place its order.

        Raises:
            Unauthenticated: `hook_refused`, for a wrong secret just as for a hook that does not exist.
            InvalidInput: `bad_alert`. RateLimited: `hook_rate`.
            and what trading answers; a refusal is in the hook's calls.
        """
        hook, call, order, again = await self._admit(hook_id, knock)
        if again and call.state is not CallState.RECEIVED:
            return Answer(call, again=True)
        try:
            order_id = await self._orders.place(
                hook.user_id, {**order, "account_id": str(hook.account_id)}, str(call.id)
            )
        except (Rejected, Forbidden, RateLimited) as refusal:
            await self._settle(hook, call, CallState.REFUSED, refusal=refusal)
            raise
        settled = await self._settle(hook, call, CallState.PLACED, order_id=order_id)
        return Answer(settled, again)

    async def _admit(self, hook_id: UUID, knock: Knock) -> tuple[Hook, HookCall, Mapping[str, str], bool]:
        now = self._clock.now()
        async with self._work() as work:
            known = await work.hook(hook_id)
            body = self._authenticated(hook_id, known, knock)
            if known is None or body is None:
                raise _refused()
            # One at a time: two copies of an alert that arrive together must see one another. Only now, or strangers
            # could keep the hook's owner waiting.
            hook = await work.hook(hook_id, lock=True)
            if hook is None or not hook.active or hook.nonce != known.nonce:
                raise _refused()
            fields = fill(hook.template, body)
            given = knock.key or fields.get("id")
            if given is not None and (len(given) > _KEY_LENGTH or not given.isprintable()):
                raise InvalidInput("The id of an alert is a short line of text.", code="bad_alert")
            key = f"id:{given}" if given else fingerprint(knock.body)
            earlier = await work.hook_call(hook.id, key, now - (_KEPT if given else SAME_BODY_WITHIN))
            order = {name: value for name, value in fields.items() if name != "id"}
            if earlier is not None:
                return hook, earlier, order, True
            if await work.count_hook_calls(hook.id, now - _MINUTE) >= hook.calls_per_minute:
                raise RateLimited("This hook takes no more alerts in this minute.", code="hook_rate", retry_after=60)
            call = HookCall(new_id(), hook.id, key, now, CallState.RECEIVED, _auditable(body))
            await work.add_hook_call(call)
            await work.commit()
        return hook, call, order, False

    def _authenticated(self, hook_id: UUID, hook: Hook | None, knock: Knock) -> dict[str, Any] | None:
        """The body, when it comes from who knows the secret. A hook that does not exist costs the same work."""
        secret = self._key.secret(_HOOK, hook_id, hook.nonce if hook else b"")
        if knock.signature is not None:
            if not is_signed(secret, knock.signature, knock.body, int(self._clock.now().timestamp())):
                return None
            body = read_body(knock.body)
        elif knock.secret is not None:
            if not is_secret(secret, knock.secret):
                return None
            body = read_body(knock.body)
        else:
            # TradingView can send neither header.
            body = read_body(knock.body)
            if not is_secret(secret, str(body.get(_SECRET_FIELD, ""))):
                return None
        body.pop(_SECRET_FIELD, None)
        return body

    async def _settle(
        self,
        hook: Hook,
        call: HookCall,
        state: CallState,
        *,
        order_id: UUID | None = None,
        refusal: BreezewayError | None = None,
    ) -> HookCall:
        code, detail = (refusal.code, refusal.detail[:500]) if refusal else (None, None)
        what = "was refused" if refusal else "has placed an order"
        event = Event(
            # The same whoever settles it: a sender that repeats itself does not make us repeat ourselves.
            id=uuid5(call.id, state.value),
            user_id=hook.user_id,
            kind=EventKind.HOOK_REFUSED if refusal else EventKind.HOOK_ORDER,
            severity=Severity.WARNING if refusal else Severity.INFO,
            title=f"An alert by the hook {hook.name} {what}",
            text=detail or "",
            at=self._clock.now(),
            data={
                "hook_id": str(hook.id),
                "call_id": str(call.id),
                **({"order_id": str(order_id)} if order_id else {}),
                **({"code": code} if code else {}),
            },
        )
        async with self._work() as work:
            await work.settle_hook_call(call.id, state, order_id=order_id, code=code, detail=detail)
            await self._receiving.take(work, event)
            await work.commit()
        return replace(call, state=state, order_id=order_id, code=code, detail=detail)

    def _secret(self, hook: Hook) -> str:
        return self._key.secret(_HOOK, hook.id, hook.nonce)


def _auditable(body: Mapping[str, Any]) -> dict[str, Any]:
    """What of a body is kept: short and plain."""
    return {_plain(name)[:64]: _plain(str(value))[:200] for name, value in list(body.items())[:32]}


def _plain(text: str) -> str:
    # NUL and halves of surrogate pairs: JSON can carry them, PostgreSQL cannot.
    return text.replace("\0", "").encode(errors="replace").decode()


def _owned(hook: Hook | None, user_id: UUID) -> Hook:
    if hook is None or hook.user_id != user_id:
        raise _missing()
    return hook


def _missing() -> NotFound:
    return NotFound("There is no such hook.", code="hook_not_found")


def _refused() -> Unauthenticated:
    return Unauthenticated("There is no such hook, or its secret is another.", code="hook_refused")
