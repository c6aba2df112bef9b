"""Where the broker's redirect lands: `…/callback?apisession=…`.

The session value comes in the URL because the broker puts it there; it is exchanged at once, works only
together with the app's secret, and no answer from here can leak it further (no referrer, no cache, no script).
A browser gets a small page, everything else gets JSON.
"""

from html import escape
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Cookie, Form, Query, Request
from fastapi.responses import HTMLResponse, JSONResponse, Response

from auth_service.api.broker_sessions import CALLBACK_PATH, LOGIN_COOKIE, BrokerSessionView, session_view
from auth_service.api.dependencies import Services, TheOrigin, TheServices
from auth_service.application.broker_logins import ReturnProof
from auth_service.domain.audit import Origin
from breezeway.errors import BreezewayError, Rejected
from breezeway.http.problem import Problem, error_response
from breezeway.security.dependencies import CallerIfAny
from breezeway.security.scopes import is_api_key
from breezeway.security.tokens import Principal

router = APIRouter(tags=["broker accounts"])

_SHORT = 200
_Value = Annotated[str | None, Query(max_length=_SHORT)]
_State = Annotated[str | None, Query(max_length=_SHORT, description="Comes back from where the broker carries it.")]
_Cookie = Annotated[str | None, Cookie(alias=LOGIN_COOKIE, max_length=_SHORT, include_in_schema=False)]

_HEADERS = {
    "Cache-Control": "no-store",
    "Referrer-Policy": "no-referrer",
    "X-Frame-Options": "DENY",
    "X-Content-Type-Options": "nosniff",
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'",
}

_PAGE = """<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
<style>
  :root {{ color-scheme: light dark; --ink: #16202a; --paper: #f3f4f1; --card: #fff; --mark: {mark}; --dim: #5c6771; }}
  @media (prefers-color-scheme: dark) {{
    :root {{ --ink: #e8e8e3; --paper: #12161a; --card: #1b2127; --dim: #9aa5ae; }}
  }}
  body {{ margin: 0; min-height: 100vh; display: grid; place-items: center; background: var(--paper);
         color: var(--ink); font: 16px/1.55 system-ui, sans-serif; }}
  main {{ width: min(28rem, calc(100vw - 3rem)); box-sizing: border-box; padding: 2rem; background: var(--card);
         border-top: 4px solid var(--mark); border-radius: 4px 4px 14px 14px; }}
  h1 {{ margin: 0 0 .5rem; font-size: 1.4rem; letter-spacing: -.01em; }}
  p {{ margin: .5rem 0; color: var(--dim); }}
  a {{ color: inherit; font-weight: 600; }}
</style>
<main>
  <h1>{title}</h1>
  <p>{text}</p>
  <p><a href="/">Go to the app</a></p>
</main>
</html>
"""

_RESPONSES: dict[int | str, dict[str, object]] = {
    200: {"model": BrokerSessionView, "content": {"text/html": {}}, "description": "Connected."},
    400: {"model": Problem, "description": "`broker_login_not_started`: the redirect belongs to no login of ours."},
    422: {"model": Problem, "description": "The broker refused the session, the key or the secret; see the code."},
}


# A browser comes back without a header of ours; who started the login is in the cookie and the state.
_ANYBODY: dict[str, list[dict[str, list[str]]]] = {"security": [{}]}


@router.get(
    CALLBACK_PATH,
    summary="Come back from the broker",
    response_model=None,
    responses=_RESPONSES,
    openapi_extra=_ANYBODY,
)
async def return_from_broker(
    request: Request,
    services: TheServices,
    origin: TheOrigin,
    caller: CallerIfAny,
    apisession: _Value = None,
    api_session: Annotated[str | None, Query(alias="API_Session", max_length=_SHORT)] = None,
    state: _State = None,
    cookie: _Cookie = None,
) -> Response:
    """The broker sends the browser here after the login. It only counts for a login that was started here: see
    `login-url`."""
    proof = ReturnProof(state=state, cookie=cookie, user_id=_signed_in(caller))
    return await _connected(request, services, origin, apisession or api_session, proof)


@router.post(
    CALLBACK_PATH,
    summary="Come back from the broker with a form",
    response_model=None,
    responses=_RESPONSES,
    openapi_extra=_ANYBODY,
)
async def post_return_from_broker(
    request: Request,
    services: TheServices,
    origin: TheOrigin,
    caller: CallerIfAny,
    apisession: _Value = None,
    api_session: Annotated[str | None, Query(alias="API_Session", max_length=_SHORT)] = None,
    state: _State = None,
    cookie: _Cookie = None,
    form_apisession: Annotated[str | None, Form(alias="apisession", max_length=_SHORT)] = None,
    form_api_session: Annotated[str | None, Form(alias="API_Session", max_length=_SHORT)] = None,
    form_state: Annotated[str | None, Form(alias="state", max_length=_SHORT)] = None,
) -> Response:
    """The same, for brokers and scripts that post the value as a form field."""
    value = apisession or api_session or form_apisession or form_api_session
    proof = ReturnProof(state=state or form_state, cookie=cookie, user_id=_signed_in(caller))
    return await _connected(request, services, origin, value, proof)


def _signed_in(caller: Principal | None) -> UUID | None:
    """Whose login it may be by the token that was sent; an API key starts no login and ends none."""
    return caller.user_id if caller is not None and not is_api_key(caller) else None


async def _connected(
    request: Request, services: Services, origin: Origin, api_session: str | None, proof: ReturnProof
) -> Response:
    wants_page = "text/html" in request.headers.get("accept", "")
    try:
        if not api_session:
            raise Rejected("The broker's redirect carried no `apisession`.", code="broker_session_value_missing")
        pending = await services.logins.take(proof)
        record = await services.connections.connect(pending.user_id, pending.account_id, api_session, origin)
        view = await session_view(services, record)
    except BreezewayError as error:
        if not wants_page:
            raise
        # A person who has just typed a one-time code must not be shown JSON.
        return _page("Not connected", error.detail, status=error_response(error).status_code)
    if not wants_page:
        return JSONResponse(view.model_dump(mode="json"), headers=_forget_cookie(services))
    name = f", {view.user_name}" if view.user_name else ""
    text = f"Your broker account is connected{name}. You can close this tab."
    return _page("Connected", text, headers=_forget_cookie(services))


def _page(title: str, text: str, *, status: int = 200, headers: dict[str, str] | None = None) -> HTMLResponse:
    body = _PAGE.format(title=escape(title), text=escape(text), mark="#1f7a4d" if status == 200 else "#b4431f")
    return HTMLResponse(body, status_code=status, headers=_HEADERS | (headers or {}))


def _forget_cookie(services: Services) -> dict[str, str]:
    scratch = Response()
    scratch.delete_cookie(
        LOGIN_COOKIE, path=CALLBACK_PATH, httponly=True, samesite="lax", secure=services.secure_cookies
    )
    return {"Set-Cookie": scratch.headers["set-cookie"], "Cache-Control": "no-store", "Referrer-Policy": "no-referrer"}
