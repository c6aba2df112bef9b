"""The passwords that everybody tries first: a list that comes with the package, so that checking needs no network."""

from importlib.resources import files

from auth_service.domain.passwords import folded


def common_passwords() -> frozenset[str]:
    """Read the list. How it was made stands at its top."""
    text = files("auth_service.adapters").joinpath("data/common_passwords.txt").read_text(encoding="utf-8")
    return frozenset(folded(line) for line in text.splitlines() if line and not line.startswith("# "))
