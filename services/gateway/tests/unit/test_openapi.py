"""Merging the services' OpenAPI documents."""

from typing import Any

from gateway_service.application.openapi import merge

Document = dict[str, Any]


def document(path: str, schema: str, kind: str) -> Document:
    reference = {"$ref": f"#/components/schemas/{schema}"}
    return {
        "openapi": "3.1.0",
        "info": {"title": path},
        "paths": {path: {"get": {"responses": {"200": {"content": {"application/json": {"schema": reference}}}}}}},
        "components": {
            "schemas": {schema: {"type": kind}, "Page": {"properties": {"items": {"items": reference}}}},
            "securitySchemes": {"bearer": {"type": "http"}},
        },
    }


def schema_of(merged: Document, path: str) -> str:
    reference = merged["paths"][path]["get"]["responses"]["200"]["content"]["application/json"]["schema"]["$ref"]
    return str(reference).removeprefix("#/components/schemas/")


def test_equal_schemas_are_shared_and_different_ones_are_told_apart() -> None:
    own: Document = {"openapi": "3.1.0", "info": {"title": "all"}, "paths": {}}
    merged = merge(own, {"auth": document("/a", "User", "object"), "market-data": document("/b", "User", "string")})
    schemas = merged["components"]["schemas"]
    assert merged["info"]["title"] == "all"
    assert schemas[schema_of(merged, "/a")] == {"type": "object"}
    assert schemas[schema_of(merged, "/b")] == {"type": "string"}
    assert schema_of(merged, "/b") == "MarketDataUser"
    assert merged["components"]["securitySchemes"] == {"bearer": {"type": "http"}}


def test_every_reference_of_the_result_resolves() -> None:
    merged = merge(
        {"openapi": "3.1.0", "info": {}, "paths": {}},
        {"auth": document("/a", "User", "object"), "market-data": document("/b", "User", "string")},
    )

    def references(node: Any) -> list[str]:
        if isinstance(node, dict):
            own = [node["$ref"]] if isinstance(node.get("$ref"), str) else []
            return own + [found for value in node.values() for found in references(value)]
        if isinstance(node, list):
            return [found for item in node for found in references(item)]
        return []

    names = {reference.removeprefix("#/components/schemas/") for reference in references(merged)}
    assert names
    assert names <= set(merged["components"]["schemas"])


def test_the_inputs_are_left_as_they_were() -> None:
    own: Document = {"openapi": "3.1.0", "info": {}, "paths": {}}
    merge(own, {"auth": document("/a", "User", "object")})
    assert own == {"openapi": "3.1.0", "info": {}, "paths": {}}
