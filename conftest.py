"""Root of the test run: shared fixtures come from one plugin, so no folder's conftest grows into a heap."""

import pytest
from xdist.remote import Producer
from xdist.scheduler import LoadScopeScheduling

pytest_plugins = ["breezeway.testing.plugin"]

_END_TO_END = "tests/e2e/"
_APART = {
    f"{_END_TO_END}{name}"
    for name in (
        "feed/test_broker_troubles.py",
        "feed/test_ownership.py",
        "feed/test_stream.py",
        "test_fuzz.py",
        "test_stack_compose.py",
        "test_stack_lifecycle.py",
    )
}
"""Files that do without the running stack, and so may run beside it."""
_STACK = "the running stack"


class ByFile(LoadScopeScheduling):
    """Hands out files, so that what the tests of one share is made once, and all that need the running stack as one.

    `--dist loadgroup` would be the usual way, but pytest-xdist 3.8 renames tests in a manner that pytest 9.2 ignores.
    """

    def _split_scope(self, nodeid: str) -> str:
        return _place(nodeid)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> ByFile:
    config.option.loadscopereorder = False  # the order below is the better one
    return ByFile(config, log)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """With several processes: what takes longest first, the many small files last, so that all end at the same time."""
    if hasattr(config, "workerinput"):
        items.sort(key=lambda item: 0 if _place(item.nodeid) == _STACK else 1 + ("/unit/" in item.nodeid))


def _place(nodeid: str) -> str:
    file = nodeid.partition("::")[0]
    return _STACK if file.startswith(_END_TO_END) and file not in _APART else file
