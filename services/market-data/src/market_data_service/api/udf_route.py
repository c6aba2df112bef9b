"""A route that fails as TradingView's UDF does, for whatever reason it fails.

The stock adapter takes every answer for JSON, never looks at its status, and hands `errmsg` to the chart: a problem
document would be shown as "undefined". So faults of the parameters, too, are answered with status 200 and
`{"s":"error","errmsg":…}`. Who may not read at all gets the status that everybody gets, in a document that has both.
"""

from collections.abc import Callable, Coroutine
from typing import Any, Final

import orjson
from fastapi import Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute

from breezeway.errors import BreezewayError, Forbidden, NotFound, Unauthenticated
from breezeway.http.problem import problem_response

_MOST_FAULTS: Final = 5


class UdfRoute(APIRoute):
    """`APIRoute` whose errors a chart can show."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        answer = super().get_route_handler()

        async def handle(request: Request) -> Response:
            try:
                return await answer(request)
            except RequestValidationError as fault:
                return failed(_told(fault))
            except (Unauthenticated, Forbidden) as error:
                context = {"s": "error", "errmsg": error.detail}
                return problem_response(error.status, error.code, error.title, error.detail, context=context)
            except NotFound as error:
                return failed("unknown_symbol" if error.code == "instrument_not_found" else error.code)
            except BreezewayError as error:
                return failed(error.detail)

        return handle


def failed(message: str) -> Response:
    """UDF's error."""
    return Response(orjson.dumps({"s": "error", "errmsg": message}), media_type="application/json")


def _told(fault: RequestValidationError) -> str:
    """Which parameters are wrong and why; what was sent is not repeated."""
    told = [f"{each['loc'][-1]}: {each['msg']}" for each in fault.errors()[:_MOST_FAULTS]]
    return "; ".join(told)[:500]
