"""The page for operators explains every event, and none that does not exist."""

import re
from pathlib import Path

from auth_service.domain.audit import AuditEvent

PAGE = Path(__file__).resolve().parents[4] / "docs" / "accounts.md"


def test_every_audit_event_is_explained() -> None:
    table = PAGE.read_text().split("| Event | Means | Worry when |")[1]
    rows = [line.split("|")[1] for line in table.splitlines() if line.startswith("| `")]
    explained = [name for row in rows for name in re.findall(r"`([a-z_.]+)`", row)]
    assert sorted(explained) == sorted(event.value for event in AuditEvent)
