"""No route or dependency is a plain function: FastAPI runs each of those in a thread, which wakes another thread and
costs more than most of our answers do."""

import ast
from collections.abc import Iterator
from pathlib import Path

from breezeway.testing.plugin import REPOSITORY

_METHODS = {"get", "post", "put", "patch", "delete", "api_route"}


def _sources() -> list[Path]:
    return [
        path
        for folder in ("services", "shared/src")
        for path in (REPOSITORY / folder).rglob("*.py")
        if "tests" not in path.parts and ("Depends(" in (text := path.read_text()) or "@router." in text)
    ]


def _plain(tree: ast.Module) -> Iterator[str]:
    wanted = {
        call.args[0].id
        for call in ast.walk(tree)
        if isinstance(call, ast.Call)
        and isinstance(call.func, ast.Name)
        and call.func.id in ("Depends", "Security")
        and call.args
        and isinstance(call.args[0], ast.Name)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef) and (node.name in wanted or _is_route(node)):
            yield node.name


def _is_route(node: ast.FunctionDef) -> bool:
    return any(
        isinstance(each, ast.Call) and isinstance(each.func, ast.Attribute) and each.func.attr in _METHODS
        for each in node.decorator_list
    )


def test_the_check_itself_finds_plain_functions() -> None:
    tree = ast.parse("def a(): ...\nA = Depends(a)\n@router.get('/')\ndef b(): ...\nasync def c(): ...\nC = Depends(c)")
    assert list(_plain(tree)) == ["a", "b"]


def test_every_route_and_dependency_is_async() -> None:
    sources = _sources()
    assert len(sources) > 20
    plain = [f"{path.name}: {name}" for path in sources for name in _plain(ast.parse(path.read_text()))]
    assert plain == []
