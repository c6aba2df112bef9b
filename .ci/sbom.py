"""The bill of materials: `python .ci/sbom.py FILE` writes every locked package, Python's and the web app's.

Python's part is cyclonedx-bom's, from requirements.lock. The web app's is added from its own lock file: the tool for
that would be one more package of Node to install, to trust and to lock. The form is CycloneDX.
"""

import base64
import json
import subprocess
import sys
from pathlib import Path
from typing import Any
from urllib.parse import quote

ROOT = Path(__file__).resolve().parents[1]
_ALGORITHMS = {"sha512": "SHA-512", "sha256": "SHA-256", "sha1": "SHA-1"}


def python_part() -> dict[str, Any]:
    """The document of requirements.lock, with the project itself as its subject."""
    command = [
        *(sys.executable, "-m", "cyclonedx_py", "requirements", "--pyproject", str(ROOT / "pyproject.toml")),
        *("--output-reproducible", "--of", "JSON", "--sv", "1.6", "-o", "-", str(ROOT / "requirements.lock")),
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=300)  # noqa: S603 - constants
    document: dict[str, Any] = json.loads(done.stdout)
    return document


def web_part(lock: Path) -> list[dict[str, Any]]:
    """A component for each package in the web app's package-lock.json; none when there is no web app."""
    if not lock.exists():
        return []
    components = {}
    for path, entry in json.loads(lock.read_text())["packages"].items():
        if not path or entry.get("link"):
            continue  # the app itself
        name, version = path.rpartition("node_modules/")[2], str(entry["version"])
        purl = f"pkg:npm/{quote(name, safe='/')}@{quote(version)}"
        component: dict[str, Any] = {
            "type": "library",
            "bom-ref": purl,
            "name": name,
            "version": version,
            "purl": purl,
            # What only builds or tests the app is in nobody's browser.
            "scope": "excluded" if entry.get("dev") or entry.get("devOptional") else "required",
        }
        algorithm, _, digest = str(entry.get("integrity", "")).partition("-")
        if algorithm in _ALGORITHMS:
            content = base64.b64decode(digest.split()[0]).hex()
            component["hashes"] = [{"alg": _ALGORITHMS[algorithm], "content": content}]
        if "license" in entry:
            component["licenses"] = [{"license": {"name": entry["license"]}}]
        components[purl] = component
    return [components[purl] for purl in sorted(components)]


def main(target: Path) -> int:
    """Write the document; the number of components is printed."""
    document = python_part()
    document["components"] += web_part(ROOT / "frontend" / "package-lock.json")
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(json.dumps(document, indent=1, sort_keys=True) + "\n")
    sys.stdout.write(f"{target}: {len(document['components'])} components\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
