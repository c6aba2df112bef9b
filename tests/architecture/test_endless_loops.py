"""Endless loops heed a cancellation that something on their way has swallowed."""

import ast
from collections.abc import Iterator
from pathlib import Path

from breezeway.testing.plugin import REPOSITORY

SOURCES = ("services/*/src", "simulators/*/src", "shared/src/breezeway")
APART = ("shared/src/breezeway/client/", "shared/src/breezeway/testing/")
"""What users and tests run themselves; the client has no dependency on the rest."""


def test_every_endless_loop_heeds_a_cancellation() -> None:
    """redis-py and `wait_for` lose a cancellation that comes together with an answer. A task group asks its tasks
    to end once only, so that a service with one loop that has not heard it never stops."""
    sources = [path for pattern in SOURCES for root in REPOSITORY.glob(pattern) for path in root.rglob("*.py")]
    assert len(sources) > 300, "the sources have moved"
    deaf = [
        f"{name}:{loop.lineno}"
        for path in sources
        if not (name := path.relative_to(REPOSITORY).as_posix()).startswith(APART)
        for loop in _endless(path)
        if not any(isinstance(each, ast.Attribute) and each.attr == "heed" for each in ast.walk(loop))
    ]
    assert not deaf, "call breezeway.cancellation.heed() at their top"


def _endless(path: Path) -> Iterator[ast.While]:
    """Loops that await something and have no way out but an exception."""
    for function in ast.walk(ast.parse(path.read_text())):
        if not isinstance(function, ast.AsyncFunctionDef):
            continue
        for loop in _within(function):
            if isinstance(loop, ast.While) and isinstance(loop.test, ast.Constant):
                inside = list(_within(loop))
                awaits = any(isinstance(each, ast.Await | ast.AsyncWith | ast.AsyncFor) for each in inside)
                if awaits and not any(isinstance(each, ast.Return | ast.Break) for each in inside):
                    yield loop


def _within(node: ast.AST) -> Iterator[ast.AST]:
    """Everything below `node` that runs with it: not the functions that are made there."""
    for child in ast.iter_child_nodes(node):
        if not isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            yield child
            yield from _within(child)
