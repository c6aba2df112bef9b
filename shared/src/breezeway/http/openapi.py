"""What FastAPI's OpenAPI says wrongly of our answers, put right."""

from collections.abc import Callable
from typing import Any

from fastapi import FastAPI

from breezeway.http.problem import MEDIA_TYPE

_PROBLEM = "#/components/schemas/Problem"
_JSON = "application/json"


def correct(app: FastAPI) -> None:
    """Have `app` say that its errors are problem documents; FastAPI writes `application/json` for every model."""
    generate: Callable[[], dict[str, Any]] = app.openapi

    def corrected() -> dict[str, Any]:
        known = app.openapi_schema is not None
        document = generate()
        return document if known else corrected_document(document)

    # FastAPI's documented way to change the document.
    app.openapi = corrected  # type: ignore[method-assign]


def corrected_document(document: dict[str, Any]) -> dict[str, Any]:
    """`document`, changed in place."""
    for item in document.get("paths", {}).values():
        for operation in item.values():
            _correct_operation(operation)
    return document


def _correct_operation(operation: dict[str, Any]) -> None:
    for response in operation.get("responses", {}).values():
        content = response.get("content", {})
        if content.get(_JSON, {}).get("schema", {}).get("$ref") == _PROBLEM:
            content[MEDIA_TYPE] = content.pop(_JSON)
        validation = content.get(_JSON, {}).get("schema", {}).get("$ref", "")
        if validation.endswith("/HTTPValidationError"):
            # Ours are problem documents with `errors`, see `breezeway.http.problem`.
            content.pop(_JSON)
            content[MEDIA_TYPE] = {"schema": {"$ref": _PROBLEM}}
