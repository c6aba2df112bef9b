"""SecurityMaster.zip."""

from datetime import UTC, time
from email.utils import format_datetime
from hashlib import sha256

from fastapi import APIRouter, Request
from starlette.responses import Response

from breeze_simulator.api.context import TheBroker, TheSimulator
from breezeway.clock import IST, ist_datetime

router = APIRouter(include_in_schema=False)

_BUILT_AT = time(7, 30)


@router.api_route("/MotherAppMaster/SecurityMaster.zip", methods=["GET", "HEAD"])
@router.api_route("/SecurityMaster.zip", methods=["GET", "HEAD"])
async def security_master(request: Request, simulator: TheSimulator, broker: TheBroker) -> Response:
    """The master of the exchange's day, with validators, so that a sync can ask whether anything changed."""
    content = broker.market.master_zip()
    etag = f'"{sha256(content).hexdigest()[:32]}"'
    built = ist_datetime(simulator.clock.now().astimezone(IST).date(), _BUILT_AT)
    headers = {"ETag": etag, "Last-Modified": format_datetime(built.astimezone(UTC), usegmt=True)}
    if etag in request.headers.get("if-none-match", ""):
        return Response(status_code=304, headers=headers)
    return Response(content, media_type="application/zip", headers=headers)
