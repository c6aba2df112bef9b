"""What an operator sees of deliveries and alerts: by channel and outcome, how late, how many comparisons."""

from collections.abc import Callable
from functools import partial
from typing import Any

from prometheus_client import REGISTRY

from breezeway.contracts.events import Event
from breezeway.db.backlog import measure
from breezeway.ids import new_id
from breezeway.observability.red import DELIVERIES
from breezeway.testing.eventually import eventually
from notifications_service.bootstrap import delivery_backlog
from notifications_service.domain.preferences import ChannelName

soon = partial(eventually, seconds=60)
MakeEvent = Callable[..., Event]


def counted(outcome: str, channel: str = "webhook") -> int:
    return DELIVERIES.count((channel, outcome))


def total(name: str) -> float:
    return REGISTRY.get_sample_value(f"breezeway_{name}_total") or 0.0


async def test_deliveries_are_counted_by_channel_and_outcome(service: Any, receiver: Any, event: MakeEvent) -> None:
    """A retry, a success, and one that is given up: its receiver says that it is gone."""
    taking, url = receiver
    user = new_id()
    made = await service.http.post("/api/v1/webhooks", json={"url": url}, headers=service.signed_in(user))
    assert made.status_code == 201, made.text
    before = {outcome: counted(outcome) for outcome in ("waiting", "delivered", "failed")}
    web = counted("delivered", "web")
    taking.status = 503
    await service.tell(event(user))
    async with service.worker():
        await soon(lambda: counted("waiting") > before["waiting"])
        assert counted("delivered") == before["delivered"]
        taking.status = 200
        await soon(lambda: counted("delivered") == before["delivered"] + 1)
        await soon(lambda: counted("delivered", "web") == web + 1)
        deleted = await service.http.delete(
            f"/api/v1/webhooks/{made.json()['webhook']['id']}", headers=service.signed_in(user)
        )
        assert deleted.status_code in (200, 204), deleted.text
    assert counted("failed") == before["failed"]


async def test_what_waits_for_its_receiver_is_late(service: Any, receiver: Any, event: MakeEvent) -> None:
    """Nobody delivers: the webhook's backlog grows older; the metric's labels are channels, never users."""
    _, url = receiver
    user = new_id()
    await service.http.post("/api/v1/webhooks", json={"url": url}, headers=service.signed_in(user))
    await service.tell(event(user))

    async def is_late() -> bool:
        standing = await measure(service.engine, delivery_backlog(ChannelName.WEBHOOK))
        return standing.waiting == 1 and standing.age > 0

    await soon(is_late)
    shown = (await service.http.get("/metrics")).text
    assert 'breezeway_backlog_waiting{backlog="deliveries-webhook"}' in shown
    assert user.hex not in shown
    assert str(user) not in shown


async def test_alerts_are_counted_as_they_are_compared_and_fire(service: Any) -> None:
    user = new_id()
    symbol = f"NSE:M{user.hex[:8].upper()}"
    body = {"symbol": symbol, "condition": "crosses_above", "value": "100"}
    made = await service.http.post("/api/v1/alerts", json=body, headers=service.signed_in(user))
    assert made.status_code == 201, made.text
    compared, fired = total("alerts_evaluated"), total("alerts_fired")
    async with service.worker():
        await soon(lambda: service.is_watched(symbol))
        await service.tick(symbol, "99")
        await soon(lambda: total("alerts_evaluated") > compared)
        assert total("alerts_fired") == fired
        await service.tick(symbol, "101")
        await soon(lambda: total("alerts_fired") == fired + 1)
