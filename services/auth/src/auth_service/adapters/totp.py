"""Codes of authenticator apps: the only module that touches pyotp and segno."""

import hmac
import io
from datetime import datetime

import pyotp
import segno

_ISSUER = "Breezeway"
_STEP_SECONDS = 30
_DRIFT_STEPS = 1
"""A phone's clock may be one step off, and a code may be typed as its time runs out."""


class TotpCodes:
    """See `credential_ports.AppCodes`: six digits, SHA-1, every 30 seconds, as every app understands them."""

    def new_seed(self) -> str:
        return pyotp.random_base32()

    def uri(self, seed: str, account: str) -> str:
        return pyotp.TOTP(seed).provisioning_uri(name=account, issuer_name=_ISSUER)

    def qr_svg(self, uri: str) -> str:
        out = io.BytesIO()
        segno.make(uri, micro=False, error="m").save(out, kind="svg", xmldecl=False, border=3, scale=4)
        return out.getvalue().decode()

    def step_of(self, seed: str, code: str, at: datetime) -> int | None:
        totp = pyotp.TOTP(seed)
        now = int(at.timestamp()) // _STEP_SECONDS
        found = None
        # Every step is compared, also after one fits: the time must not say which.
        for step in range(now - _DRIFT_STEPS, now + _DRIFT_STEPS + 1):
            if hmac.compare_digest(totp.generate_otp(step).encode(), code.encode()):
                found = step
        return found
