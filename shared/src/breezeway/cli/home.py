"""The data folder: where it is, and the secrets that a development stack makes for itself once."""

import base64
import os
import secrets
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from breezeway.errors import Misconfigured

_KEY_BYTES = 32


def find_root() -> Path:
    """The checkout: the folder with `services/` in it.

    Raises:
        Misconfigured: neither the installed package nor the current folder belongs to one.
    """
    for candidate in (Path(__file__).resolve().parents[4], Path.cwd()):
        if (candidate / "services").is_dir():
            return candidate
    raise Misconfigured("no folder with services/ was found; run this in a checkout of Breezeway")


def open_home(environment: Mapping[str, str], root: Path) -> Path:
    """The absolute path of BREEZEWAY_HOME (default `.breezeway` in the checkout), made when absent."""
    home = Path(environment.get("BREEZEWAY_HOME") or root / ".breezeway").expanduser().absolute()
    try:
        home.mkdir(parents=True, exist_ok=True)
        if home.stat().st_uid == os.geteuid():
            # 0711 when root: PostgreSQL then runs as another account and has to pass through.
            home.chmod(0o711 if os.geteuid() == 0 else 0o700)
        (home / "secrets").mkdir(mode=0o700, exist_ok=True)
        probe = home / "secrets" / ".writable"
        probe.touch()
        probe.unlink()
    except OSError as error:
        raise Misconfigured(
            f"the data folder {home} cannot be used: {error.strerror}. Set BREEZEWAY_HOME to one you own."
        ) from error
    return home


def secret_environment(home: Path, environment: Mapping[str, str]) -> dict[str, str]:
    """Keys for the services. What the operator sets wins; the rest is generated once below `home/secrets`."""
    folder = home / "secrets"
    signing_key = Path(environment.get("BREEZEWAY_SIGNING_KEY_FILE") or folder / "signing-key.pem")
    # After a rotation the first key may be gone: its successors lie beside it.
    if not signing_key.exists() and not any(signing_key.parent.glob(f"{signing_key.stem}-*.pem")):
        _make_signing_key(signing_key)
    return {
        "BREEZEWAY_INTERNAL_KEY": environment.get("BREEZEWAY_INTERNAL_KEY") or _key(folder / "internal.key"),
        "BREEZEWAY_VAULT_KEY": environment.get("BREEZEWAY_VAULT_KEY") or _key(folder / "vault.key"),
        "BREEZEWAY_BANK_KEY": environment.get("BREEZEWAY_BANK_KEY") or _key(folder / "bank.key"),
        "BREEZEWAY_SIGNING_KEY_FILE": str(signing_key),
    }


def _key(path: Path) -> str:
    """A key of 32 random bytes in base64."""
    if not path.exists():
        _write_once(path, base64.b64encode(secrets.token_bytes(_KEY_BYTES)) + b"\n")
    return path.read_text().strip()


def _make_signing_key(path: Path) -> None:
    # In a process of its own, once: the cryptography library would stay in the supervisor's memory for ever.
    program = (
        "import sys; from cryptography.hazmat.primitives.asymmetric import ec;"
        "from cryptography.hazmat.primitives import serialization as s;"
        "sys.stdout.buffer.write(ec.generate_private_key(ec.SECP256R1()).private_bytes("
        "s.Encoding.PEM, s.PrivateFormat.PKCS8, s.NoEncryption()))"
    )
    made = subprocess.run(  # noqa: S603 - a constant program
        [sys.executable, "-c", program], capture_output=True, check=True, timeout=60
    )
    _write_once(path, made.stdout)


def _write_once(path: Path, content: bytes) -> None:
    """Complete or not there at all, also after a power cut: half a key would make the vault unreadable."""
    unfinished = path.with_name(f"{path.name}.{os.getpid()}.new")
    with open(os.open(unfinished, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600), "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    unfinished.replace(path)
