"""What `breezeway.client` shows, and what importing it costs."""

import subprocess
import sys

import breezeway.client

HEAVY = {
    *("fastapi", "starlette", "uvicorn", "sqlalchemy", "asyncpg", "redis", "arq", "alembic", "structlog", "jose"),
    *("pydantic", "numpy", "pandas", "pyarrow", "websockets", "msgpack", "talib", "scipy", "socketio", "aiohttp"),
}
_PROGRAM = """
import sys, time
began = time.process_time()
import breezeway.client
print(time.process_time() - began)
print(*{name.partition(".")[0] for name in sys.modules})
"""


def test_every_public_name_is_listed_and_sorted() -> None:
    listed = breezeway.client.__all__
    assert listed == sorted(listed)
    submodules = {name for name in vars(breezeway.client) if f"breezeway.client.{name}" in sys.modules}
    assert {name for name in vars(breezeway.client) if not name.startswith("_")} - submodules == set(listed)


def test_importing_it_is_quick_and_loads_nothing_of_the_server() -> None:
    # Processor time and the best of some: a busy machine is no slow import.
    for _ in range(5):
        ran = subprocess.run([sys.executable, "-c", _PROGRAM], capture_output=True, text=True, check=True, timeout=60)
        seconds, loaded = ran.stdout.splitlines()
        if float(seconds) < 0.3:
            break
    assert float(seconds) < 0.3
    assert HEAVY & set(loaded.split()) == set()
