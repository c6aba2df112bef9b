"""The web session: the refresh token in a cookie that no script can read, instead of in the answer.

The browser sends the cookie to the routes below `PATH` only, and never along with a request that another site made
(SameSite=Strict). On top of that a request that lives by the cookie has to come from a page of ours: its `Origin` says
so, which a page cannot forge.
"""

from typing import Annotated, Final
from urllib.parse import urlsplit

from fastapi import Cookie, Header, Response

from auth_service.api.dependencies import TheHost, TheServices, WebSession
from auth_service.domain.sign_ins import ABSOLUTE_LIFETIME, DEVICE_KNOWN_FOR
from breezeway.errors import Forbidden

REFRESH_COOKIE: Final = "bw_refresh"
DEVICE_COOKIE: Final = "bw_device"
PATH: Final = "/api/v1/auth"


def remember_session(response: Response, web: WebSession, refresh_token: str) -> None:
    """Put the refresh token into the browser's cookie."""
    _set(response, web, REFRESH_COOKIE, refresh_token, int(ABSOLUTE_LIFETIME.total_seconds()))


def forget_session(response: Response, web: WebSession) -> None:
    """Take the cookie away."""
    response.delete_cookie(REFRESH_COOKIE, path=PATH, httponly=True, samesite="strict", secure=web.secure)


def remember_device(response: Response, web: WebSession, mark: str) -> None:
    """Let the browser be known when it signs in again; see `limits`."""
    _set(response, web, DEVICE_COOKIE, mark, int(DEVICE_KNOWN_FOR.total_seconds()))


def _set(response: Response, web: WebSession, name: str, value: str, max_age: int) -> None:
    response.set_cookie(name, value, max_age=max_age, path=PATH, httponly=True, samesite="strict", secure=web.secure)


class WebClient:
    """The cookies of a request.

    Attributes:
        mark: the device's, not checked yet.
    """

    def __init__(
        self,
        services: TheServices,
        host: TheHost,
        cookie: Annotated[str | None, Cookie(alias=REFRESH_COOKIE, include_in_schema=False)] = None,
        mark: Annotated[str | None, Cookie(alias=DEVICE_COOKIE, include_in_schema=False)] = None,
        origin: Annotated[str | None, Header(include_in_schema=False)] = None,
    ) -> None:
        self._cookie = cookie[:512] if cookie else None
        self._is_ours = origin is not None and (origin == services.web_session.origin or _host_of(origin) == host)
        self.mark = mark[:512] if mark else None

    def refresh_token(self) -> str | None:
        """The refresh token in the cookie, if any. Raises Forbidden (`origin_not_allowed`) unless our page asks."""
        if self._cookie is None:
            return None
        if not self._is_ours:
            raise Forbidden(
                "The session cookie counts only for requests of our own pages. Programs send the refresh token in the "
                "body.",
                code="origin_not_allowed",
            )
        return self._cookie


def _host_of(origin: str) -> str | None:
    try:
        return urlsplit(origin).netloc or None
    except ValueError:
        return None
