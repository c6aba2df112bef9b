"""Root of the test run: shared fixtures come from one plugin, so no folder's conftest grows into a heap."""

import os
import subprocess
import sys

import hypothesis
import pytest
from xdist.remote import Producer
from xdist.scheduler import LoadScopeScheduling

pytest_plugins = ["breezeway.testing.plugin", "breezeway.testing.run_watch"]

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

_STARTED_OFTEN = ",".join(
    [
        *(
            f"{name}_service.main"
            for name in ("auth", "gateway", "instruments", "market_data", "notifications", "trading")
        ),
        *(f"{name}_service.worker" for name in ("instruments", "market_data", "notifications", "trading")),
        *("market_data_service.feed_owner", "breeze_simulator.main", "breezeway.cli.main", "breezeway.cli.seed"),
        *("breezeway.cli.migrations", "alembic.command", "uvicorn.main"),
    ]
)


def pytest_configure(config: pytest.Config) -> None:
    """Hundreds of tests start processes; one that has to compile what it imports takes four times as long to come.

    So compiled modules are kept, also where the environment says otherwise, and before a whole run they are made.
    """
    # How long an example takes says how busy the machine is; a slow one fails no test.
    hypothesis.settings.register_profile(
        "breezeway", deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow]
    )
    hypothesis.settings.load_profile("breezeway")
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    sys.dont_write_bytecode = False
    if getattr(config.option, "numprocesses", None):
        subprocess.run([sys.executable, "-c", f"import {_STARTED_OFTEN}"], check=False)  # noqa: S603 - our own modules


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
