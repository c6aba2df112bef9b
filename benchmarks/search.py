"""Search among 200,000 instruments at 50 requests a second, through HTTP: the gateway in front, the service behind it.

    python -m benchmarks search

The load is open-loop: a request is sent when it is due, however late the one before is, and a late answer counts from
when its request was due. Every request is another search, as people type them, a quarter of them misspelled.
"""

import asyncio
import csv
import io
import os
import random
import sys
import tempfile
import time
import zipfile
from collections.abc import Iterator, Sequence
from pathlib import Path

import aiohttp
import httpx
import numpy as np
import psutil

from benchmarks.table import Row
from breezeway.cli import seed
from breezeway.testing.plugin import REPOSITORY
from breezeway.testing.stack_process import StackProcess

REAL_DATA = Path(os.environ.get("BREEZEWAY_TEST_DATA") or REPOSITORY.parent / "shared" / "data")
ARCHIVE = Path("security_master") / "SecurityMaster_2026-07-30_full7.zip"
CONTRACTS = "FONSEScripMaster.txt"
INSTRUMENTS = 200_000
RATE = 50
SECONDS = 40
WARM_SECONDS = 5
SETTLE_SECONDS = 20
"""The demo's own work, and the index of the master that it fetched."""

_MISSPELLED = 0.25
_EXPIRY_COLUMN, _STRIKE_COLUMN = 4, 5


def rows() -> Iterator[Row]:
    """The real master, filled up with further strikes of its own contracts."""
    archive = REAL_DATA / ARCHIVE
    if not archive.is_file():
        sys.stderr.write(f"no real master at {archive}; set BREEZEWAY_TEST_DATA. Search is left out.\n")
        return
    with tempfile.TemporaryDirectory(prefix="breezeway-bench-") as folder:
        master = Path(folder) / "SecurityMaster.zip"
        master.write_bytes(grown(archive.read_bytes(), INSTRUMENTS))
        environment = {"BREEZE_SIM_MASTER_ZIP": str(master), "BREEZEWAY_DEMO": "on"}
        with StackProcess(Path(folder) / "home", environment=environment) as stack:
            stack.start(300)
            time.sleep(SETTLE_SECONDS)
            yield from asyncio.run(_measure(stack))


def grown(archive: bytes, count: int) -> bytes:
    """The archive with so many more option strikes that it has `count` lines."""
    with zipfile.ZipFile(io.BytesIO(archive)) as package:
        files = {info: package.read(info) for info in package.infolist()}
    lines = sum(content.count(b"\r\n") for content in files.values())
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as package:
        for info, content in files.items():
            package.writestr(info, _more(content, count - lines) if info.filename == CONTRACTS else content)
    return out.getvalue()


def _more(content: bytes, count: int) -> bytes:
    """Further contracts: the existing options, a paisa or more above their strikes, with tokens nobody has."""
    made: list[bytes] = []
    options = [line for line in content.split(b"\r\n")[1:] if b'"OPTION"' in line]
    for number in range(max(0, count)):
        fields = next(csv.reader([options[number % len(options)].decode()]))
        fields[0] = str(900_000_000 + number)
        fields[_STRIKE_COLUMN] = f"{float(fields[_STRIKE_COLUMN]) + 0.01 * (1 + number // len(options)):.2f}"
        made.append(",".join(f'"{field}"' for field in fields).encode())
    return b"\r\n".join([content, *made])


async def _measure(stack: StackProcess) -> list[Row]:
    async with httpx.AsyncClient(base_url=stack.url, timeout=30) as http:
        login = await http.post("/api/v1/auth/login", json={"email": seed.EMAIL, "password": seed.PASSWORD})
        http.headers["Authorization"] = f"Bearer {login.json()['access_token']}"
        run = (await http.get("/api/v1/instruments/sync")).json()["items"][0]
        queries = await _queries(http)
        bearer = {"Authorization": http.headers["Authorization"]}
    # Not by httpx: the load shares these cores, and its own time would be a third of what is measured.
    async with aiohttp.ClientSession(stack.url, headers=bearer) as load:
        service, gateway = (psutil.Process(stack.component(name)) for name in ("instruments", "gateway"))
        await _load(load, queries, WARM_SECONDS)
        before = _processor(service), _processor(gateway)
        latencies, failures = await _load(load, queries, SECONDS)
        spent = [
            (_processor(each) - at) * 1_000 / len(latencies)
            for each, at in zip((service, gateway), before, strict=True)
        ]
        memory = service.memory_full_info().pss / 2**20
    p50, p99 = np.percentile(latencies, [50, 99])
    what = f"search, {run['stored']:,} instruments, {RATE}/s for {SECONDS} s, gateway"
    return [
        Row(what, "Breezeway", f"p50 {p50:.1f} ms, p99 {p99:.1f} ms, {failures} failed"),
        Row("processor time of one search", "Breezeway", f"service {spent[0]:.1f} ms, gateway {spent[1]:.1f} ms"),
        Row("memory of an instruments API process with its index", "Breezeway", f"{memory:,.0f} MiB"),
    ]


def _processor(process: psutil.Process) -> float:
    times = process.cpu_times()
    return float(times.user + times.system)


async def _queries(http: httpx.AsyncClient) -> list[str]:
    """Searches of every kind, made of real names, in an order of their own."""
    page = await http.get("/api/v1/instruments", params={"exchange": "NFO", "type": "future", "limit": 500})
    contracts = page.json()["items"]
    shares = (await http.get("/api/v1/instruments/search", params={"q": "ltd", "limit": 200})).json()["items"]
    dice = random.Random(4)
    made = ["nifty", "banknifty", "sensex", "hdfc bank", "RELIND", "INE002A01018", "gold", "tata", "a", "m&m"]
    for each in contracts:
        name, level = each["underlying"].lower(), float(each["upper_band"] or 1_000)
        made += [
            f"{name} fut",
            f"{name} {round(level, -2):.0f} ce",
            name,
            f"{name} {dice.choice(['aug', 'sep'])} pe",
        ]
    for each in shares:
        made += [each["name"].lower(), each["broker_code"], each["isin"] or "tcs", each["symbol"].partition(":")[2][:4]]
    made = [text if dice.random() > _MISSPELLED else _misspelled(text, dice) for text in made]
    dice.shuffle(made)
    return made


def _misspelled(text: str, dice: random.Random) -> str:
    at = dice.randrange(max(1, len(text) - 1))
    return text[:at] + text[at + 1 : at + 2] + text[at : at + 1] + text[at + 2 :]


async def _load(http: aiohttp.ClientSession, queries: Sequence[str], seconds: float) -> tuple[list[float], int]:
    latencies: list[float] = []
    failures = 0
    started = time.perf_counter() + 0.1

    async def ask(number: int) -> None:
        nonlocal failures
        due = started + number / RATE
        await asyncio.sleep(max(0.0, due - time.perf_counter()))
        try:
            query = {"q": queries[number % len(queries)]}
            async with http.get("/api/v1/instruments/search", params=query) as answer:
                await answer.read()
            failures += answer.status != 200
        except aiohttp.ClientError:
            failures += 1
        latencies.append((time.perf_counter() - due) * 1_000)

    async with asyncio.TaskGroup() as group:
        for number in range(int(RATE * seconds)):
            group.create_task(ask(number))
    return latencies, failures
