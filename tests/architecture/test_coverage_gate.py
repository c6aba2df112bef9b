"""The coverage gate counts what it says, and names folders that exist."""

import importlib.util
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import coverage
import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def gate() -> ModuleType:
    spec = importlib.util.spec_from_file_location("breezeway_ci_coverage_gate", ROOT / ".ci" / "coverage_gate.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


def test_every_folder_of_a_gate_exists(gate: ModuleType) -> None:
    assert [folder for each in gate.GATES for folder in each.folders if not (ROOT / folder).exists()] == []
    assert {each.name: each.percent for each in gate.GATES} == {"overall": 90.0, "money": 95.0, "auth": 95.0}


def test_lines_are_weighed_and_folders_told_from_names_alike(gate: ModuleType) -> None:
    counts = {"a/b.py": (90, 100), "a/c.py": (0, 10), "ab/d.py": (0, 1000), "a.py": (0, 1000)}
    assert gate.percent_of(counts, ["a"]) == pytest.approx(100 * 90 / 110)
    assert gate.percent_of(counts, ["a.py"]) == 0
    assert gate.percent_of(counts, ["nowhere"]) == 0


def test_one_gate_too_low_is_a_failure_and_is_named(gate: ModuleType) -> None:
    gates = (gate.Gate("all", 50.0, ("",)), gate.Gate("core", 95.0, ("core",)))
    held, lines = gate.judge({"core/x.py": (94, 100), "y.py": (100, 100)}, gates)
    assert not held
    assert "TOO LOW" not in lines[0]
    assert "core      94.0 %" in lines[1]
    assert "TOO LOW" in lines[1]
    assert gate.judge({"core/x.py": (95, 100)}, gates)[0]


def test_real_data_are_read_by_the_projects_settings(gate: ModuleType, tmp_path: Path) -> None:
    """Measured in a process of its own: this one may be under measurement itself."""
    data = tmp_path / "data"
    program = "import breezeway.money"
    command = [sys.executable, "-m", "coverage", "run", f"--rcfile={ROOT / 'pyproject.toml'}", f"--data-file={data}"]
    (tmp_path / "program.py").write_text(program + "\n")
    subprocess.run([*command, str(tmp_path / "program.py")], check=True, timeout=60, cwd=tmp_path)
    written = [path for path in tmp_path.iterdir() if path.name.startswith("data")]
    assert written
    merged = coverage.Coverage(data_file=str(data), config_file=str(ROOT / "pyproject.toml"))
    merged.combine([str(path) for path in written], keep=True)
    merged.save()
    counts = gate.measured(data)
    ran, lines = counts["shared/src/breezeway/money.py"]
    assert 0 < ran < lines
    assert not any("/tests/" in name for name in counts)
    assert gate.main(tmp_path / "nothing") == 2
