"""One OpenAPI document out of those of all services."""

import copy
from collections.abc import Mapping
from typing import Any

Document = dict[str, Any]


def merge(own: Document, others: Mapping[str, Document]) -> Document:
    """`own` with the paths and schemas of the other services added.

    A schema that two services define differently under one name keeps the name in the first and gets its service's name
    in front in the second, so that no reference ever points at the wrong one.

    Args:
        own: the gateway's document; its `info` is kept.
        others: service name → its document.
    """
    merged = copy.deepcopy(own)
    paths = merged.setdefault("paths", {})
    components = merged.setdefault("components", {})
    schemas = components.setdefault("schemas", {})
    for service, document in others.items():
        theirs = document.get("components", {})
        renamed = {
            name: f"{_camel(service)}{name}"
            for name, schema in theirs.get("schemas", {}).items()
            if name in schemas and schemas[name] != schema
        }
        moved = _rename(document, renamed)
        for name, schema in moved.get("components", {}).get("schemas", {}).items():
            schemas.setdefault(renamed.get(name, name), schema)
        for kind, entries in moved.get("components", {}).items():
            if kind != "schemas":
                components.setdefault(kind, {}).update(entries)
        paths.update(moved.get("paths", {}))
    return merged


def _rename(node: Any, renamed: Mapping[str, str]) -> Any:
    if isinstance(node, dict):
        return {
            key: _renamed_ref(value, renamed) if key == "$ref" else _rename(value, renamed)
            for key, value in node.items()
        }
    if isinstance(node, list):
        return [_rename(item, renamed) for item in node]
    return node


def _renamed_ref(reference: Any, renamed: Mapping[str, str]) -> Any:
    prefix = "#/components/schemas/"
    if isinstance(reference, str) and reference.startswith(prefix):
        name = reference[len(prefix) :]
        return prefix + renamed.get(name, name)
    return reference


def _camel(service: str) -> str:
    return "".join(part.capitalize() for part in service.split("-"))
