"""Root of the test run: shared fixtures come from one plugin, so no folder's conftest grows into a heap."""

from pathlib import Path

import pytest

pytest_plugins = ["breezeway.testing.plugin"]

_END_TO_END = Path(__file__).parent / "tests" / "e2e"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """With `-n 2 --dist loadgroup` one process has the running stack, and the other everything that needs none."""
    for item in items:
        if item.path.is_relative_to(_END_TO_END):
            item.add_marker(pytest.mark.xdist_group("stack"))
