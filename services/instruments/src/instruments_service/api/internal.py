"""What other services ask."""

from fastapi import APIRouter

from breezeway.contracts.instruments import ResolveAnswer, Resolved, ResolveRequest
from breezeway.security.dependencies import CallingService
from instruments_service.api.dependencies import TheCatalogue

router = APIRouter(prefix="/internal/instruments", include_in_schema=False)


@router.post("/resolve", name="resolve_instruments")
async def resolve(_caller: CallingService, catalogue: TheCatalogue, wanted: ResolveRequest) -> ResolveAnswer:
    """Up to 1,000 names at once; one that nothing answers to is reported, not an error."""
    found = await catalogue.resolve_many(wanted.symbols)
    asked = list(dict.fromkeys(wanted.symbols))
    return ResolveAnswer(
        items=[Resolved(asked=name, instrument=found[name]) for name in asked if name in found],
        missing=[name for name in asked if name not in found],
    )
