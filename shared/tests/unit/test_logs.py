"""A-26: no canary gets past the redaction."""

import pytest

from breezeway.logs import redact_event, redact_text

CANARY = "C4n4ry-S3cr3t-Value"


@pytest.mark.parametrize(
    "text",
    [
        f"Authorization: Bearer {CANARY}",
        f"GET /callback?apisession={CANARY}&x=1",
        f'{{"api_secret": "{CANARY}", "label": "a"}}',
        f"password={CANARY}",
        f"postgresql://user:{CANARY}@localhost/db",
        "key bwk_C4n4ry-S3cr3t-Value",
    ],
)
def test_secrets_in_text_are_replaced(text: str) -> None:
    assert CANARY not in redact_text(text)


def test_secrets_are_replaced_by_the_name_of_their_key_at_any_depth() -> None:
    event = redact_event(
        None, "info", {"event": "x", "session_key": CANARY, "deep": {"list": [{"password": CANARY, "kept": "fine"}]}}
    )
    assert CANARY not in repr(event)
    assert "fine" in repr(event)


def test_ordinary_text_is_left_alone() -> None:
    assert redact_text("tick NSE:RELIANCE 1250.5 at 09:15") == "tick NSE:RELIANCE 1250.5 at 09:15"
