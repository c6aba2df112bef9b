"""What must hold for the files of the repository as a whole."""

import ast
import re
import subprocess
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
LOCK = ROOT / "requirements.lock"
FORBIDDEN_MODULES = {"config", "shared", "common", "utils", "auth"}
SOURCE_FOLDERS = ("shared/src", "services/*/src", "simulators/*/src")
COMMON_FOLDERS = {"/", "/tmp", "/home", "/root", "/opt", "/srv", "/app", "/var/tmp"}
PUBLIC_PACKAGE = ROOT / "shared/src/breezeway/client/__init__.py"
"""The one package that users import from: it also lists its public names, and has a test of its own for that."""
LONGEST_MODULE = 600
LARGEST_FILE = 2_000_000


@pytest.fixture(scope="module")
def tracked() -> list[Path]:
    """Files known to git; every file outside ignored folders where this is no git checkout."""
    listed = subprocess.run(
        ["git", "-c", f"safe.directory={ROOT}", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    return [path for name in listed.stdout.split("\0") if name and (path := ROOT / name).is_file()]


def source_packages() -> list[Path]:
    return [
        package
        for pattern in SOURCE_FOLDERS
        for folder in ROOT.glob(pattern)
        for package in folder.iterdir()
        if package.is_dir() and not package.name.startswith((".", "__"))
    ]


def test_lock_pins_every_requirement_with_hashes() -> None:
    entries = re.split(r"\n(?=\S)", LOCK.read_text().strip())
    unpinned = [entry.splitlines()[0] for entry in entries if "==" not in entry or "--hash=sha256:" not in entry]
    assert len(entries) > 50
    assert unpinned == []


def test_lock_names_no_registry() -> None:
    assert re.findall(r"(?im)^.*(?:https?:|--index|--find-links|--extra|\bfile:).*$", LOCK.read_text()) == []


def test_lock_has_every_direct_dependency() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    wanted = {
        re.split(r"[\[<>=!;, ]", requirement, maxsplit=1)[0].lower().replace("_", "-")
        for requirement in (*project["project"]["dependencies"], *project["dependency-groups"]["dev"])
    }
    locked = set(re.findall(r"(?m)^([a-z0-9.-]+)==", LOCK.read_text()))
    assert wanted - locked == set()


def test_no_file_names_a_folder_of_the_machine_it_was_written_on(tracked: list[Path]) -> None:
    parent = ROOT.parent
    if str(parent) in COMMON_FOLDERS:
        pytest.skip(f"{parent} is too common a name to search for")
    # Not followed by a word character: a folder named like the beginning of another one is meant alone.
    pattern = re.compile(re.escape(str(parent)).encode() + rb"(?![\w-])")
    guilty = [path for path in tracked if path.stat().st_size < LARGEST_FILE and pattern.search(path.read_bytes())]
    assert guilty == []


def test_package_files_hold_a_docstring_only(tracked: list[Path]) -> None:
    def is_docstring_only(path: Path) -> bool:
        body = ast.parse(path.read_text()).body
        return len(body) == 1 and ast.get_docstring(ast.parse(path.read_text())) is not None

    inits = [path for path in tracked if path.name == "__init__.py" and path != PUBLIC_PACKAGE]
    assert len(inits) > 20
    assert [str(path.relative_to(ROOT)) for path in inits if not is_docstring_only(path)] == []


def test_no_file_is_too_long_to_read(tracked: list[Path]) -> None:
    modules = [path for path in tracked if path.suffix == ".py" and "tests" not in path.parts]
    lengths = {str(path.relative_to(ROOT)): len(path.read_text().splitlines()) for path in modules}
    assert {name: length for name, length in lengths.items() if length > LONGEST_MODULE} == {}


def test_no_large_file_is_tracked(tracked: list[Path]) -> None:
    assert [str(path.relative_to(ROOT)) for path in tracked if path.stat().st_size > LARGEST_FILE] == []


def test_top_level_modules_have_names_of_their_own() -> None:
    """The Breeze SDK does a bare `import config`: a module of ours with such a name would be taken for its own."""
    packages = source_packages()
    assert {package.name for package in packages} >= {"breezeway", "auth_service", "breeze_simulator"}
    assert {package.name for package in packages} & FORBIDDEN_MODULES == set()


def test_every_package_is_typed() -> None:
    assert [package.name for package in source_packages() if not (package / "py.typed").exists()] == []


def test_every_package_is_built_and_checked() -> None:
    """A new service has to be named in three lists of pyproject.toml; forgetting one would go unnoticed."""
    tool = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]
    packages = source_packages()
    folders = {str(package.parent.relative_to(ROOT)) for package in packages}
    assert set(tool["hatch"]["build"]["targets"]["wheel"]["packages"]) == {
        str(package.relative_to(ROOT)) for package in packages
    }
    assert set(tool["hatch"]["build"]["dev-mode-dirs"]) == folders
    assert set(tool["mypy"]["files"]) == folders
    assert set(tool["importlinter"]["root_packages"]) == {package.name for package in packages}
