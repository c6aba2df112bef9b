"""A certificate to begin with: `python -m breezeway.cli.certificate FOLDER HOST...` makes FOLDER/tls.crt and tls.key.

Self-signed, so browsers warn: replace both files by real ones. What is there already is left alone.
"""

import ipaddress
import os
import sys
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

_VALID = timedelta(days=398)
_CLOCKS_DISAGREE = timedelta(hours=1)


def make(folder: Path, hosts: Sequence[str]) -> bool:
    """Make both files for `hosts` (names and addresses); False when a certificate is there."""
    certificate_file, key_file = folder / "tls.crt", folder / "tls.key"
    if certificate_file.exists():
        return False
    folder.mkdir(parents=True, exist_ok=True)
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, hosts[0][:64])])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - _CLOCKS_DISAGREE)
        .not_valid_after(now + _VALID)
        .add_extension(x509.SubjectAlternativeName([_named(host) for host in hosts]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    secret = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    # The key first: whoever finds the certificate finds the key too.
    with open(os.open(key_file, os.O_CREAT | os.O_TRUNC | os.O_WRONLY, 0o600), "wb") as file:
        file.write(secret)
    certificate_file.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    return True


def _named(host: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(host))
    except ValueError:
        return x509.DNSName(host)


if __name__ == "__main__":
    made = make(Path(sys.argv[1]), sys.argv[2:] or ["localhost"])
    sys.stdout.write("a self-signed certificate was made\n" if made else "a certificate is there\n")
