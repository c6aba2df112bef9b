"""`make sbom`: every locked package is in it, with its version and a checksum."""

import importlib.util
import json
import re
import sys
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def sbom() -> ModuleType:
    spec = importlib.util.spec_from_file_location("breezeway_ci_sbom", ROOT / ".ci" / "sbom.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


def test_h_12_every_locked_package_is_in_the_bill_of_materials(sbom: ModuleType, tmp_path: Path) -> None:
    """H-12: CycloneDX of both lock files."""
    assert sbom.main(tmp_path / "sbom.json") == 0
    document = json.loads((tmp_path / "sbom.json").read_text())
    assert (document["bomFormat"], document["specVersion"]) == ("CycloneDX", "1.6")
    assert document["metadata"]["component"]["name"] == "breezeway"
    listed = {component["purl"].split("?")[0] for component in document["components"]}
    locked = re.findall(r"(?m)^([a-zA-Z0-9._-]+)==([^ ;\\]+)", (ROOT / "requirements.lock").read_text())
    assert len(locked) > 100
    assert {f"pkg:pypi/{name.lower().replace('_', '-')}@{version}" for name, version in locked} <= listed
    for component in document["components"]:
        assert component["version"], component["name"]
    packages = json.loads((ROOT / "frontend" / "package-lock.json").read_text())["packages"]
    assert sum(purl.startswith("pkg:npm/") for purl in listed) >= 0.9 * (len(packages) - 1)


def test_the_web_apps_part_tells_what_reaches_a_browser(sbom: ModuleType, tmp_path: Path) -> None:
    lock = tmp_path / "package-lock.json"
    integrity = "sha512-" + "A" * 86 + "=="
    lock.write_text(
        json.dumps(
            {
                "packages": {
                    "": {"name": "app"},
                    "node_modules/@a/b": {"version": "1.2.3", "integrity": integrity, "license": "MIT"},
                    "node_modules/x/node_modules/y": {"version": "2.0.0", "dev": True},
                }
            }
        )
    )
    shipped, built = sbom.web_part(lock)
    assert (shipped["purl"], shipped["scope"]) == ("pkg:npm/%40a/b@1.2.3", "required")
    assert shipped["hashes"] == [{"alg": "SHA-512", "content": "00" * 64}]
    assert (built["purl"], built["scope"]) == ("pkg:npm/y@2.0.0", "excluded")
    assert sbom.web_part(tmp_path / "absent.json") == []
