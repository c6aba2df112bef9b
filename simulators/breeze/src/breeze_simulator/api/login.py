"""The login page. A click is all it asks for; then it sends the browser back to the app with an `apisession`."""

from html import escape
from typing import Annotated
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

from fastapi import APIRouter, Form, Query
from starlette.responses import HTMLResponse, RedirectResponse, Response

from breeze_simulator.api.context import TheSimulator
from breeze_simulator.domain.envelopes import UNKNOWN_KEY

router = APIRouter(include_in_schema=False)

_HEADERS = {"Cache-Control": "no-store", "Referrer-Policy": "no-referrer", "X-Frame-Options": "DENY"}

_PAGE = """<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Breeze simulator: log in</title>
<style>
  :root {{ color-scheme: light dark; --ink: #16202a; --paper: #f4f1ea; --card: #fffdf8; --accent: #b4431f;
           --dim: #65707a; }}
  @media (prefers-color-scheme: dark) {{
    :root {{ --ink: #e9e6df; --paper: #14181c; --card: #1c2228; --accent: #f08a5d; --dim: #98a3ad; }}
  }}
  body {{ margin: 0; min-height: 100vh; display: grid; place-items: center; background: var(--paper);
         color: var(--ink); font: 16px/1.5 system-ui, sans-serif; }}
  main {{ width: min(26rem, calc(100vw - 3rem)); box-sizing: border-box; padding: 2rem; background: var(--card);
         border-radius: 14px; box-shadow: 0 1px 2px #0002, 0 12px 40px #0001; }}
  h1 {{ margin: 0 0 .25rem; font-size: 1.35rem; letter-spacing: -.01em; }}
  p {{ margin: .5rem 0; color: var(--dim); }}
  dl {{ display: grid; grid-template-columns: auto 1fr; gap: .25rem 1rem; margin: 1.25rem 0; }}
  dt {{ color: var(--dim); }}
  dd {{ margin: 0; overflow-wrap: anywhere; font-variant-numeric: tabular-nums; }}
  button {{ width: 100%; padding: .8rem; border: 0; border-radius: 10px; background: var(--accent); color: #fff;
           font: inherit; font-weight: 600; cursor: pointer; }}
  button:focus-visible {{ outline: 3px solid var(--ink); outline-offset: 2px; }}
</style>
<main>
  <h1>Breeze simulator</h1>
  <p>This is a stand-in for the broker's login page. It is not ICICI Direct: no real account
     and no money is behind it.</p>
  <dl><dt>User</dt><dd>{user}</dd><dt>Returns to</dt><dd>{back}</dd></dl>
  <form method="post" action="/apiuser/login">
    <input type="hidden" name="api_key" value="{api_key}">
    <input type="hidden" name="state" value="{state}">
    <button type="submit" autofocus>Log in as {name}</button>
  </form>
</main>
</html>
"""


@router.get("/apiuser/login")
async def login_page(
    simulator: TheSimulator,
    api_key: Annotated[str, Query(max_length=200)] = "",
    state: Annotated[str, Query(max_length=2_000)] = "",
) -> Response:
    """The page of one app; a key that nobody registered gets the broker's own words."""
    app = simulator.accounts.app(api_key)
    if app is None:
        return HTMLResponse(UNKNOWN_KEY.removesuffix("."), headers=_HEADERS)
    page = _PAGE.format(
        user=escape(f"{app.user_name} ({app.user_id})"),
        name=escape(app.user_name),
        back=escape(app.redirect_url or simulator.default_redirect_url),
        api_key=escape(app.api_key),
        state=escape(state),
    )
    return HTMLResponse(page, headers=_HEADERS)


@router.post("/apiuser/login")
async def log_in(
    simulator: TheSimulator,
    api_key: Annotated[str, Form(max_length=200)] = "",
    state: Annotated[str, Form(max_length=2_000)] = "",
) -> Response:
    """Make a session and send the browser back with it."""
    app = simulator.accounts.app(api_key)
    if app is None:
        return HTMLResponse(UNKNOWN_KEY.removesuffix("."), headers=_HEADERS)
    session = simulator.sessions.log_in(app)
    target = with_query(
        app.redirect_url or simulator.default_redirect_url,
        {"apisession": session.api_session} | ({"state": state} if state else {}),
    )
    # 303, so that the browser follows with a GET.
    return RedirectResponse(target, status_code=303, headers=_HEADERS)


def with_query(url: str, extra: dict[str, str]) -> str:
    """`url` with `extra` added to whatever query it has; a name in both takes the value of `extra`."""
    parts = urlsplit(url)
    kept = [(name, value) for name, value in parse_qsl(parts.query, keep_blank_values=True) if name not in extra]
    return urlunsplit(parts._replace(query=urlencode([*kept, *extra.items()])))
