"""One running stack for the end-to-end tests, its simulator fed with real candles where they are present."""

import os
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import httpx
import pytest
import pytest_asyncio

from breezeway.testing.api_user import ApiUser
from breezeway.testing.plugin import REPOSITORY
from breezeway.testing.real_candles import fifty_stocks_2021, nifty_2019_2020
from breezeway.testing.stack_process import StackProcess
from breezeway.testing.trace_collector import TraceCollector, trace_collector


def _public_data() -> Path | None:
    folder = Path(os.environ.get("BREEZEWAY_TEST_DATA") or REPOSITORY.parent / "shared" / "data")
    return folder if folder.is_dir() else None


@pytest.fixture(scope="session")
def candles_folder(tmp_path_factory: pytest.TempPathFactory) -> Path | None:
    """What `BREEZE_SIM_CANDLES_DIR` is set to; None without the public data."""
    data = _public_data()
    if data is None:
        return None
    folder = tmp_path_factory.mktemp("candles")
    nifty_2019_2020(data).to_csv(folder / "nifty_2019_2020.csv", index=False)
    fifty_stocks_2021(data).to_csv(folder / "fifty_stocks_2021.csv", index=False)
    return folder


@pytest.fixture(scope="session")
def traces() -> Iterator[TraceCollector]:
    """Gets the traces of the stack that a test asks it to keep; of all other requests none."""
    with trace_collector() as running:
        yield running


@pytest.fixture(scope="session")
def stack(
    tmp_path_factory: pytest.TempPathFactory, candles_folder: Path | None, traces: TraceCollector
) -> Iterator[StackProcess]:
    """The whole suite, as `make run` starts it, its exchange replaying one fixed day."""
    environment = {"BREEZE_SIM_CLOCK": "replay:2026-11-18", "BREEZE_SIM_SEED": "7"}
    environment["OTEL_EXPORTER_OTLP_ENDPOINT"] = traces.url
    environment["OTEL_TRACES_SAMPLER"] = "parentbased_always_off"
    environment["OTEL_BSP_SCHEDULE_DELAY"] = "250"
    # Off unless an operator says otherwise; here live accounts may trade with the simulator.
    environment["BREEZEWAY_LIVE_TRADING"] = "simulator"
    if candles_folder is not None:
        environment["BREEZE_SIM_CANDLES_DIR"] = str(candles_folder)
    with StackProcess(tmp_path_factory.mktemp("stack"), environment=environment) as running:
        running.start(180)
        yield running


@pytest_asyncio.fixture
async def user(stack: StackProcess) -> AsyncIterator[ApiUser]:
    """A new user, signed in, without a broker account."""
    async with httpx.AsyncClient(base_url=stack.url, timeout=30) as http:
        made = ApiUser(http)
        await made.register()
        await made.sign_in()
        yield made


@pytest_asyncio.fixture
async def admin(stack: StackProcess) -> AsyncIterator[httpx.AsyncClient]:
    """The demo user of the seed, who is the administrator."""
    async with httpx.AsyncClient(base_url=stack.url, timeout=30) as http:
        answer = await http.post("/api/v1/auth/login", json={"email": "demo@example.com", "password": "breezeway-demo"})
        http.headers["Authorization"] = f"Bearer {answer.json()['access_token']}"
        yield http
