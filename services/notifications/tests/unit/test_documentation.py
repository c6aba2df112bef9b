"""The example of docs/notifications.md verifies what we sign."""

import re
from collections.abc import Callable
from typing import Any

from breezeway.contracts.events import EventKind
from breezeway.testing.plugin import REPOSITORY
from notifications_service.domain.signatures import header

GUIDE = (REPOSITORY / "docs" / "notifications.md").read_text()


def test_the_example_accepts_our_signatures_and_nothing_else() -> None:
    (example,) = re.findall(r"```python\n(.*?)```", GUIDE, re.S)
    namespace: dict[str, Any] = {}
    exec(compile(example, "notifications.md", "exec"), namespace)  # noqa: S102 - the documentation is ours
    verified: Callable[..., bool] = namespace["verified"]
    signed = header("bwh_secret", 1_000, b'{"id": 1}')
    assert verified("bwh_secret", signed, b'{"id": 1}', now=1_100)
    assert not verified("bwh_secret", signed, b'{"id": 2}', now=1_100)
    assert not verified("bwh_other", signed, b'{"id": 1}', now=1_100)
    assert not verified("bwh_secret", signed, b'{"id": 1}', now=2_000)


def test_every_kind_of_event_is_explained() -> None:
    assert {kind.value for kind in EventKind} - set(re.findall(r"`([a-z_.]+)`", GUIDE)) == set()
