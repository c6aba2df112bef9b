"""`/breezeapi/api/v1`: signed calls whose arguments travel in a JSON body, also for GET."""

from collections.abc import Callable

import orjson
from fastapi import APIRouter, Request
from starlette.responses import HTMLResponse, Response

from breeze_simulator.api.context import TheBroker, TheSimulator
from breeze_simulator.api.door import note
from breeze_simulator.application.faults import FaultKind
from breeze_simulator.application.journal import masked
from breeze_simulator.application.sessions import Session
from breeze_simulator.application.simulator import Broker, Simulator
from breeze_simulator.domain.envelopes import NOT_AVAILABLE, success

Fields = dict[str, object]
Answer = Callable[[Broker, Session, Fields], object]

PREFIX = "/breezeapi/api/v1"
_ALL_METHODS = ["GET", "POST", "PUT", "DELETE", "PATCH", "HEAD", "OPTIONS"]
NOT_FOUND_PAGE = "<html><head><title>404 Not Found</title></head><body><h1>Not Found</h1></body></html>"

router = APIRouter(include_in_schema=False)


def signed(to: APIRouter, method: str, name: str, answer: Answer, *, mutates: bool = False) -> None:
    """Serve a signed call on `to`. One that mutates orders is admitted from registered addresses only, ten a second."""

    async def call(request: Request, simulator: TheSimulator, broker: TheBroker) -> Response:
        body = await request.body()
        session = simulator.gate.signed(request.headers, body)
        fields = _fields(simulator, body)
        note(request, user_id=session.user_id, fields=masked(fields))
        if mutates:
            if simulator.faults.take(FaultKind.WRONG_IP, path=request.url.path, user_id=session.user_id):
                raise simulator.refusals.wrong_ip()
            simulator.gate.mutation(session, request.client.host if request.client else None)
        return _json(success(answer(broker, session, fields)))

    to.add_api_route(f"{PREFIX}/{name}", call, methods=[method], name=f"v1_{method.lower()}_{name}")


@router.get(PREFIX + "/customerdetails")
async def customer_details(request: Request, simulator: TheSimulator, broker: TheBroker) -> Response:
    """The only unsigned call: it turns the login's `apisession` into the session token."""
    session = simulator.gate.customer(_fields(simulator, await request.body()))
    note(request, user_id=session.user_id)
    return _json(success(broker.portfolio.customer(session)))


signed(router, "GET", "historicalcharts", lambda broker, _session, fields: broker.history.v1(fields))
signed(router, "GET", "quotes", lambda broker, _session, fields: broker.quotes.quotes(fields))
signed(router, "GET", "optionchain", lambda broker, _session, fields: broker.quotes.option_chain(fields))
signed(router, "GET", "OptionChain", lambda broker, _session, fields: broker.quotes.option_chain(fields))
signed(router, "GET", "funds", lambda broker, session, _fields: broker.portfolio.funds(session.user_id))
signed(router, "POST", "funds", lambda broker, session, fields: broker.portfolio.set_funds(session.user_id, fields))
signed(router, "GET", "margin", lambda broker, session, fields: broker.portfolio.margin(session.user_id, fields))
signed(router, "GET", "dematholdings", lambda broker, _session, _fields: broker.portfolio.demat_holdings())
signed(
    router,
    "GET",
    "portfolioholdings",
    lambda broker, session, fields: broker.portfolio.holdings(session.user_id, fields),
)
signed(
    router, "GET", "portfoliopositions", lambda broker, session, _fields: broker.portfolio.positions(session.user_id)
)


def not_found() -> Response:
    """What the broker's web server says to a path or method that it does not know."""
    return HTMLResponse(NOT_FOUND_PAGE, status_code=404)


fallback = APIRouter(include_in_schema=False)


@fallback.api_route("/breezeapi/{rest:path}", methods=_ALL_METHODS)
@fallback.api_route("/api/v2/{rest:path}", methods=_ALL_METHODS)
async def unknown_path(rest: str) -> Response:
    """Any method on any other path."""
    del rest
    return not_found()


def _fields(simulator: Simulator, body: bytes) -> Fields:
    try:
        fields = orjson.loads(body or b"{}")
    except orjson.JSONDecodeError:
        fields = None
    if not isinstance(fields, dict):
        raise simulator.refusals.application(NOT_AVAILABLE)
    return fields


def _json(envelope: Fields) -> Response:
    return Response(orjson.dumps(envelope), media_type="application/json")
