"""Debian's nginx, run with the shipped configuration in front of a gateway."""

import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx

from breezeway.cli import certificate
from breezeway.supervisor.ports import free_port

_START_SECONDS = 20.0


@dataclass(frozen=True, slots=True)
class Nginx:
    """A running nginx: `url` speaks TLS with the certificate in `ca`, `plain` does not."""

    url: str
    plain: str
    ca: Path
    folder: Path


def installed() -> str | None:
    """Path of nginx's program."""
    return shutil.which("nginx", path="/usr/sbin:/usr/local/sbin:/usr/bin:/usr/local/bin")


@contextmanager
def nginx(shipped: Path, folder: Path, gateway_port: int) -> Iterator[Nginx]:
    """Run nginx with a copy of `shipped` in `folder`.

    Exchanged is what the deployment says belongs to the machine: the two ports, the gateways' addresses, the
    certificate, and `/tmp`, so that two runs do not share files.
    """
    program = installed()
    assert program is not None, "ask `installed` first"
    config, scratch = folder / "nginx", folder / "scratch"
    shutil.copytree(shipped, config)
    scratch.mkdir()
    plain, secure = free_port(), free_port()
    (config / "listen-http.conf").write_text(f"listen 127.0.0.1:{plain};\n")
    (config / "listen-https.conf").write_text(f"listen 127.0.0.1:{secure} ssl http2;\n")
    (config / "upstream.conf").write_text(f"upstream gateway {{ server 127.0.0.1:{gateway_port}; keepalive 64; }}\n")
    main = config / "nginx.conf"
    text = main.read_text().replace("/tmp/", f"{scratch}/").replace("worker_processes auto", "worker_processes 1")  # noqa: S108  # nosec B108 - as shipped
    # As root nginx would work as another account, which may not enter a test's folder.
    main.write_text(("user root;\n" if os.geteuid() == 0 else "") + text)
    certificate.make(config / "tls", ["127.0.0.1", "localhost"])
    log = folder / "nginx.log"
    with log.open("wb") as output:
        process = subprocess.Popen(  # noqa: S603 - Debian's program, our configuration
            [program, "-c", str(main), "-p", str(config), "-g", "daemon off;"],
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    try:
        running = Nginx(f"https://127.0.0.1:{secure}", f"http://127.0.0.1:{plain}", config / "tls" / "tls.crt", folder)
        _wait(running, process, log)
        yield running
    finally:
        process.terminate()
        process.wait(10)


def _wait(running: Nginx, process: "subprocess.Popen[bytes]", log: Path) -> None:
    deadline = time.monotonic() + _START_SECONDS
    while True:
        try:
            httpx.get(f"{running.plain}/nowhere", timeout=2)
        except httpx.TransportError:
            if process.poll() is not None or time.monotonic() > deadline:
                raise AssertionError(f"nginx does not start:\n{log.read_text()}") from None
            time.sleep(0.05)
        else:
            return
