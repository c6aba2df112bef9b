"""The OpenAPI document of all services together, behind `/openapi.json`, `/docs` and `/redoc`."""

import asyncio
import time
from typing import Any

from fastapi import APIRouter, FastAPI, Request
from fastapi.openapi.docs import get_redoc_html, get_swagger_ui_html
from fastapi.openapi.utils import get_openapi
from fastapi.responses import HTMLResponse, JSONResponse

from breezeway.errors import UpstreamUnavailable
from breezeway.http.openapi import corrected_document
from gateway_service.application import openapi
from gateway_service.application.ports import ServicePort

router = APIRouter(include_in_schema=False)

_KEPT_SECONDS = 60.0
_TITLE = "Breezeway API"


class DocumentCache:
    """The merged document, rebuilt once a minute and whenever a service was missing in it."""

    def __init__(self) -> None:
        self._document: dict[str, Any] | None = None
        self._fresh_until = 0.0
        self._lock = asyncio.Lock()

    async def get(self, app: FastAPI) -> dict[str, Any]:
        async with self._lock:
            if self._document is None or time.monotonic() > self._fresh_until:
                self._document, complete = await _build(app)
                self._fresh_until = time.monotonic() + (_KEPT_SECONDS if complete else 1.0)
            return self._document


async def _build(app: FastAPI) -> tuple[dict[str, Any], bool]:
    services: ServicePort = app.state.services
    own = corrected_document(
        get_openapi(title=_TITLE, version=app.version, description=app.description, routes=app.routes)
    )
    others: dict[str, dict[str, Any]] = {}
    for name in services.names:
        try:
            status, document = await services.get_json(name, "/openapi.json", 3.0)
        except UpstreamUnavailable:
            continue
        if status == 200:
            others[name] = document
    return openapi.merge(own, others), len(others) == len(services.names)


@router.get("/openapi.json")
async def openapi_json(request: Request) -> JSONResponse:
    cache: DocumentCache = request.app.state.documents
    return JSONResponse(await cache.get(request.app))


@router.get("/docs")
async def docs() -> HTMLResponse:
    return get_swagger_ui_html(
        openapi_url="/openapi.json",
        title=_TITLE,
        swagger_ui_parameters={"persistAuthorization": False, "displayRequestDuration": True},
    )


@router.get("/redoc")
async def redoc() -> HTMLResponse:
    return get_redoc_html(openapi_url="/openapi.json", title=_TITLE)
