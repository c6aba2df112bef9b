"""The embedded Valkey, with real servers."""

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
from redis import AuthenticationError, Redis

from breezeway.embedded.valkey import EmbeddedValkey
from breezeway.errors import Misconfigured
from breezeway.testing.eventually import eventually

OWNER = """
import sys, time
from pathlib import Path
from breezeway.embedded.valkey import EmbeddedValkey
server = EmbeddedValkey(Path(sys.argv[1])).start()
print(server.pid, flush=True)
time.sleep(60)
"""


@pytest.fixture
def server(tmp_path: Path) -> Iterator[EmbeddedValkey]:
    made = EmbeddedValkey(tmp_path / "vk", durable=True)
    yield made
    made.stop()


def test_it_keeps_data_over_a_stop_at_the_same_address(server: EmbeddedValkey) -> None:
    server.start()
    with Redis.from_url(server.url) as client:
        client.set("kept", "yes")
    address = server.url
    server.stop()
    server.start()
    assert server.url == address
    with Redis.from_url(server.url) as client:
        assert client.get("kept") == b"yes"


def test_it_asks_for_the_password_and_shows_it_nowhere(server: EmbeddedValkey, tmp_path: Path) -> None:
    server.start()
    with Redis(port=server.port) as client, pytest.raises(AuthenticationError):
        client.ping()
    assert server.pid is not None
    password = server.url.split(":")[2].split("@")[0]
    assert not any(password in part for part in psutil.Process(server.pid).cmdline())
    assert (tmp_path / "vk" / "valkey.conf").stat().st_mode & 0o777 == 0o600


def test_it_starts_again_after_being_killed(server: EmbeddedValkey) -> None:
    server.start()
    pid, address = server.pid, server.url
    assert pid is not None
    os.kill(pid, signal.SIGKILL)
    asyncio.run(eventually(lambda: not server.running))
    server.start()
    assert server.url == address
    assert server.pid != pid


def test_an_unreadable_file_is_moved_aside(server: EmbeddedValkey, tmp_path: Path) -> None:
    server.start()
    with Redis.from_url(server.url) as client:
        client.set("lost", "yes")
    server.stop()
    for file in (tmp_path / "vk" / "data").rglob("*.aof"):
        file.write_bytes(b"this is no append-only file\n" * 50)
    server.start()
    with Redis.from_url(server.url) as client:
        assert client.get("lost") is None
    assert len(list((tmp_path / "vk").glob("data.unreadable-*"))) == 1


def test_a_second_owner_is_refused(server: EmbeddedValkey, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("breezeway.embedded.valkey._LOCK_SECONDS", 0.1)
    server.start()
    with pytest.raises(Misconfigured, match=str(os.getpid())):
        EmbeddedValkey(tmp_path / "vk").start()


def test_it_dies_with_its_owner(tmp_path: Path) -> None:
    owner = subprocess.Popen([sys.executable, "-c", OWNER, str(tmp_path / "vk")], stdout=subprocess.PIPE, text=True)
    assert owner.stdout is not None
    server = psutil.Process(int(owner.stdout.readline()))
    owner.kill()
    owner.wait()
    owner.stdout.close()
    asyncio.run(eventually(lambda: not server.is_running() or server.status() == psutil.STATUS_ZOMBIE, seconds=60))
