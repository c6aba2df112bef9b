"""What `breezeway login` remembers: one entry a server, in a file that only its owner can read."""

import fcntl
import json
import os
import stat
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from breezeway.client.credentials import TokenPair
from breezeway.errors import Misconfigured

_NAME = "credentials.json"


def default_folder(environment: Mapping[str, str]) -> Path:
    """BREEZEWAY_CONFIG, else `breezeway` below XDG_CONFIG_HOME (`~/.config`)."""
    if given := environment.get("BREEZEWAY_CONFIG"):
        return Path(given).expanduser()
    base = environment.get("XDG_CONFIG_HOME")
    return (Path(base) if base else Path.home() / ".config") / "breezeway"


class CredentialsFile:
    """`credentials.json` in `folder`: `{"default": url, "servers": {url: {"api_key": …} or tokens}}`.

    Raises (all methods):
        Misconfigured: `credentials_unreadable`; the file is not ours alone, or is no JSON.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.path = folder / _NAME

    @property
    def default_url(self) -> str | None:
        """The server that was signed in to last."""
        found = self._read().get("default")
        return str(found) if found else None

    def api_key(self, url: str) -> str | None:
        found = self._entry(url).get("api_key")
        return str(found) if found else None

    def keep_key(self, url: str, key: str) -> None:
        self._keep(url, {"api_key": key})

    def tokens(self, url: str) -> TokenPair | None:
        entry = self._entry(url)
        if not entry.get("refresh"):
            return None
        return TokenPair(entry["refresh"], entry.get("access"), entry.get("expires_at"), entry.get("lifetime", 900.0))

    def keep_tokens(self, url: str, tokens: TokenPair) -> None:
        self._keep(
            url,
            {
                "refresh": tokens.refresh,
                "access": tokens.access,
                "expires_at": tokens.expires_at,
                "lifetime": tokens.lifetime,
            },
        )

    def forget(self, url: str) -> bool:
        """Whether there was something to forget."""
        content = self._read()
        gone = content.get("servers", {}).pop(url, None) is not None
        if content.get("default") == url:
            del content["default"]
        if gone:
            self._write(content)
        return gone

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Keep other commands from renewing the same tokens."""
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        with open(os.open(self._folder / "lock", os.O_CREAT | os.O_RDWR, 0o600), "w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield

    def _entry(self, url: str) -> dict[str, Any]:
        entry = self._read().get("servers", {}).get(url, {})
        return entry if isinstance(entry, dict) else {}

    def _keep(self, url: str, entry: dict[str, Any]) -> None:
        content = self._read()
        servers = content.get("servers", {})
        self._write({"default": url, "servers": {**servers, url: entry}})

    def _read(self) -> dict[str, Any]:
        try:
            with self.path.open("rb") as file:
                if os.fstat(file.fileno()).st_mode & (stat.S_IRWXG | stat.S_IRWXO):
                    raise Misconfigured(
                        f"Others can read {self.path}. Make it yours alone: chmod 600 {self.path}",
                        code="credentials_unreadable",
                    )
                content = json.load(file)
        except FileNotFoundError:
            return {}
        except (OSError, ValueError) as error:
            raise Misconfigured(
                f"{self.path} cannot be read. Delete it and sign in again: breezeway login",
                code="credentials_unreadable",
            ) from error
        return content if isinstance(content, dict) else {}

    def _write(self, content: dict[str, Any]) -> None:
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        unfinished = self.path.with_name(f"{_NAME}.{os.getpid()}.new")
        try:
            with open(os.open(unfinished, os.O_CREAT | os.O_TRUNC | os.O_WRONLY, 0o600), "w") as file:
                json.dump(content, file)
            unfinished.replace(self.path)
        finally:
            unfinished.unlink(missing_ok=True)


class TokensOf:
    """The tokens of one server in that file. Implements `breezeway.client.credentials.TokenStore`."""

    def __init__(self, file: CredentialsFile, url: str) -> None:
        self._file = file
        self._url = url

    @contextmanager
    def locked(self) -> Iterator[None]:
        with self._file.locked():
            yield

    def load(self) -> TokenPair | None:
        return self._file.tokens(self._url)

    def save(self, tokens: TokenPair) -> None:
        self._file.keep_tokens(self._url, tokens)
