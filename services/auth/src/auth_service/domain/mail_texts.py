"""The words of each mail: plain text, friendly, and never a secret other than the one in a link.

Links are made from the instance's configured address, never from a request. Their token stands behind a `#`: a browser
sends that part to no server, so it ends up in no log.
"""

from collections.abc import Mapping
from datetime import datetime

from auth_service.domain.mails import MailKind
from breezeway.clock import IST
from breezeway.mail.message import Mail

_PAGES = {
    MailKind.RESET_PASSWORD: "reset-password",
    MailKind.MUST_RESET: "reset-password",
    MailKind.VERIFY_EMAIL: "verify-email",
}

_ASKED = {
    MailKind.RESET_PASSWORD: (
        "Set a new password",
        "Somebody, hopefully you, asked for a new password for your Breezeway account. Choose one here:\n\n"
        "    {link}\n\n"
        "The link works once, for 30 minutes. It ends every sign-in of your account; if you use codes from an "
        "authenticator app, they stay on.\n\n"
        "If it was not you, do nothing: your password stays as it is, and nobody else has seen this link.",
    ),
    MailKind.VERIFY_EMAIL: (
        "Confirm your e-mail address",
        "Welcome to Breezeway. Please confirm that this address is yours:\n\n"
        "    {link}\n\n"
        "The link works once, for 24 hours.\n\n"
        "If you did not register, do nothing: without this link nobody can confirm your address.",
    ),
    MailKind.MUST_RESET: (
        "Choose a new password",
        "An administrator asks you to choose a new password for your Breezeway account. The old one no longer works, "
        "and every sign-in has ended. Choose one here:\n\n"
        "    {link}\n\n"
        "The link works once, for 30 minutes; later, ask for another one where you log in. If you use codes from an "
        "authenticator app, they stay on. API keys go on working: look through them and delete what you do not know.",
    ),
    MailKind.ALREADY_REGISTERED: (
        "You already have an account",
        "Somebody, hopefully you, tried to register at Breezeway with this address. It has an account already, so "
        "nothing was changed.\n\n"
        "Log in at {public_url}, or ask there for a new password if you have forgotten yours.\n\n"
        "If it was not you, there is nothing to do.",
    ),
}

_NOTICES = {
    MailKind.PASSWORD_CHANGED: (
        "Your password was changed",
        "The password of your account was changed. Every other sign-in has ended.",
    ),
    MailKind.PASSWORD_RESET: (
        "Your password was changed",
        "The password of your account was changed with a link from your mailbox. Every sign-in has ended. API keys go "
        "on working: look through them and delete what you do not know.",
    ),
    MailKind.REFRESH_REUSED: (
        "A sign-in was ended for your safety",
        "A refresh token of your account was used a second time. That happens when a program loses an answer and tries "
        "again, but also when a token was stolen, so the sign-in it belongs to has ended. Log in again to go on.",
    ),
    MailKind.TOTP_ENABLED: (
        "Two-factor sign-in is on",
        "From now on, signing in to your account needs a code from your authenticator app. Keep the recovery codes in "
        "a safe place.",
    ),
    MailKind.TOTP_DISABLED: (
        "Two-factor sign-in is off",
        "Signing in to your account no longer needs a code from an authenticator app.",
    ),
    MailKind.RECOVERY_CODE_USED: (
        "A recovery code was used",
        "Somebody signed in to your account, or confirmed who they are, with one of your recovery codes. Unused codes "
        "left: {left}.",
    ),
    MailKind.CODES_TRIED_OFTEN: (
        "Codes were tried for your account",
        "Five codes for two-factor sign-in were tried within a quarter of an hour, so nobody can try more for a while. "
        "Codes are asked for only after the right password: if it was not you, somebody knows yours.",
    ),
    MailKind.API_KEY_CREATED: (
        "A new API key was made",
        'An API key named "{name}" was made for your account.',
    ),
    MailKind.ACCOUNT_DISABLED: (
        "Your account was disabled",
        "An administrator has disabled your account. Every sign-in has ended.",
    ),
    MailKind.ACCOUNT_ENABLED: (
        "Your account was enabled",
        "An administrator has enabled your account again. You can log in.",
    ),
}


def link_of(kind: MailKind, public_url: str, token: str) -> str:
    """The address of the page where a mailed token is used."""
    return f"{public_url.rstrip('/')}/{_PAGES[kind]}#token={token}"


def notice_words(kind: MailKind, facts: Mapping[str, str]) -> tuple[str, str]:
    """Title and text of a notice, for wherever it is shown."""
    title, text = _NOTICES[kind]
    return title, text.format_map(_Known(facts))


def written(
    kind: MailKind,
    recipient: str,
    name: str | None,
    public_url: str,
    at: datetime,
    facts: Mapping[str, str],
    link: str = "",
) -> Mail:
    """A mail, ready to leave.

    Args:
        at: when it happened, for notices; the mail says it in Indian time.
    """
    known = _Known(facts, link=link, public_url=public_url)
    if kind in _ASKED:
        subject, text = _ASKED[kind]
        closing = ""
    else:
        subject, text = _NOTICES[kind]
        closing = f"\n\n{_circumstances(at, facts)}\n\nIf it was not you, set a new password now at {public_url}."
    # Anybody can register any address under any name: only who has proved theirs is greeted by it, or the name could be
    # a stranger's message.
    greeted = f" {name}" if name and kind in _NOTICES else ""
    body = f"Hello{greeted},\n\n{text.format_map(known)}{closing}\n\nBreezeway, {public_url}\n"
    return Mail(recipient=recipient, subject=f"Breezeway: {subject}", body=body)


def _circumstances(at: datetime, facts: Mapping[str, str]) -> str:
    lines = [f"When:  {at.astimezone(IST):%d %b %Y, %H:%M} IST"]
    if facts.get("ip"):
        lines.append(f"Where: {facts['ip']}")
    if facts.get("user_agent"):
        lines.append(f"With:  {facts['user_agent']}")
    return "\n".join(lines)


class _Known(dict[str, str]):
    """The values for a text; a fact that nobody gave must not keep the mail from leaving."""

    def __init__(self, facts: Mapping[str, str], **more: str) -> None:
        super().__init__({**facts, **more})

    def __missing__(self, key: str) -> str:
        return "?"
