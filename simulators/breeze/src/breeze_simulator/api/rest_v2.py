"""`/api/v2`: unsigned history by query string."""

import orjson
from fastapi import APIRouter, Request
from starlette.responses import Response

from breeze_simulator.api.context import TheBroker, TheSimulator
from breeze_simulator.api.door import note
from breeze_simulator.domain.envelopes import history_v2

router = APIRouter(include_in_schema=False)


@router.get("/api/v2/historicalcharts")
async def historical_charts(request: Request, simulator: TheSimulator, broker: TheBroker) -> Response:
    """Candles as numbers, at most 1,000."""
    session = simulator.gate.unsigned(request.headers)
    rows = broker.history.v2(dict(request.query_params))
    note(request, user_id=session.user_id, rows=len(rows))
    return Response(orjson.dumps(history_v2(rows)), media_type="application/json")
