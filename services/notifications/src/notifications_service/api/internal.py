"""For our own services only; not in the public documents, and refused by the gateway."""

from fastapi import APIRouter

from breezeway.contracts.events import EventBatch
from breezeway.security.dependencies import CallingService
from notifications_service.api.dependencies import TheServices

router = APIRouter(prefix="/internal", include_in_schema=False)


@router.post("/events", status_code=204)
async def take_events(_service: CallingService, services: TheServices, body: EventBatch) -> None:
    """Once this has answered, the events are in the inboxes. Those that are known already change nothing."""
    await services.receiving(body.events)
