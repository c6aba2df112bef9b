"""The security part of `make check` (H-12): every waiver says why and until when, and a finding is not passed over."""

import importlib.util
import sys
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]

ECDSA = {"name": "ecdsa", "version": "0.19", "vulns": [{"id": "GHSA-wj6h-64fc-37mp", "aliases": ["CVE-2024-23342"]}]}
WORSE = {"name": "starlette", "version": "0.1", "vulns": [{"id": "CVE-2025-62727", "fix_versions": ["0.49.1"]}]}


@pytest.fixture(scope="module")
def security() -> ModuleType:
    spec = importlib.util.spec_from_file_location("breezeway_ci_security", ROOT / ".ci" / "security.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


def test_h_12_every_waiver_has_a_reason_and_has_not_run_out(security: ModuleType) -> None:
    today = datetime.now(UTC).date()
    waivers = security.read_waivers()
    assert waivers
    assert [waiver for waiver in waivers if waiver.until < today] == []
    assert [waiver for waiver in waivers if waiver.until > today + timedelta(days=366)] == [], "look at it every year"


@pytest.mark.parametrize(
    "entry",
    [
        'tool="bandit"\nid="B1"\nwhere="x"\nuntil=2027-01-01',
        'tool="bandit"\nid="B1"\nwhere="x"\nreason="because"\nuntil=2027-01-01',
        'tool="bandit"\nid="B1"\nwhere="x"\nreason="five words and one more"',
        'tool="bandit"\nid="B1"\nwhere="x"\nreason="five words and one more"\nuntil="some day"',
        'tool="grep"\nid="B1"\nwhere="x"\nreason="five words and one more"\nuntil=2027-01-01',
    ],
)
def test_a_waiver_that_is_not_whole_is_refused(security: ModuleType, tmp_path: Path, entry: str) -> None:
    (tmp_path / "w.toml").write_text(f"[[waiver]]\n{entry}\n")
    with pytest.raises((TypeError, ValueError)):
        security.read_waivers(tmp_path / "w.toml")


def test_a_finding_without_a_waiver_fails_and_one_with_it_does_not(
    security: ModuleType, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def found(*packages: dict[str, Any]) -> int:
        monkeypatch.setitem(security.CHECKS, "audit", lambda: security.read_advisories(packages))
        return int(security.main(["audit"]))

    assert found(ECDSA) == 0
    assert found(ECDSA, WORSE) == 1
    assert "starlette: CVE-2025-62727" in capsys.readouterr().out


def test_advisories_that_cannot_be_asked_for_are_no_success_in_strict_mode(
    security: ModuleType, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def away() -> list[Any]:
        raise security.Unreachable("no network")

    monkeypatch.delenv("STRICT", raising=False)
    monkeypatch.setitem(security.CHECKS, "audit", away)
    assert security.main(["audit"]) == 0
    assert "NOT CHECKED" in capsys.readouterr().out
    assert security.main(["--strict", "audit"]) == 1


def test_a_waiver_that_has_run_out_covers_nothing(security: ModuleType) -> None:
    waiver = security.Waiver("bandit", "B608", "a/*", "a reason of five words", date(2026, 1, 1))
    finding = security.Finding("bandit", ("B608",), "a/b.py", "")
    assert waiver.covers(finding, date(2026, 1, 1))
    assert not waiver.covers(finding, date(2026, 1, 2))
    assert not waiver.covers(security.Finding("bandit", ("B608",), "b/b.py", ""), date(2026, 1, 1))
