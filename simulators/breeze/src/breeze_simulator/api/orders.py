"""Order endpoints. Trading is not simulated yet: reads find nothing, everything else is refused in the broker's shape.

This is the one place to replace when it is.
"""

from fastapi import APIRouter, Request
from starlette.responses import Response

from breeze_simulator.api.context import TheSimulator
from breeze_simulator.api.door import note
from breeze_simulator.api.rest_v1 import PREFIX

NOT_SIMULATED = "Orders are not simulated yet."

router = APIRouter(include_in_schema=False)


async def _nothing_yet(request: Request, simulator: TheSimulator) -> Response:
    session = simulator.gate.signed(request.headers, await request.body())
    note(request, user_id=session.user_id)
    raise simulator.refusals.no_data()


async def _refused(request: Request, simulator: TheSimulator) -> Response:
    session = simulator.gate.signed(request.headers, await request.body())
    note(request, user_id=session.user_id)
    raise simulator.refusals.application(NOT_SIMULATED)


for _name in ("order", "gttorder", "trades"):
    router.add_api_route(f"{PREFIX}/{_name}", _nothing_yet, methods=["GET"], name=f"v1_get_{_name}")
for _name, _methods in (
    ("order", ["POST", "PUT", "DELETE"]),
    ("gttorder", ["POST", "PUT", "DELETE"]),
    ("squareoff", ["POST"]),
    ("margin", ["POST"]),
    ("margincalculator", ["POST"]),
    ("fnolmtpriceandqtycal", ["POST"]),
    ("preview_order", ["GET"]),
):
    router.add_api_route(f"{PREFIX}/{_name}", _refused, methods=_methods, name=f"v1_{_name}_refused")
