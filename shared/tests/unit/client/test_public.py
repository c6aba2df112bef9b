"""What `breezeway.client` shows, and what importing it loads."""

import subprocess
import sys

import breezeway.client

HEAVY = {
    *("fastapi", "starlette", "uvicorn", "sqlalchemy", "asyncpg", "redis", "arq", "alembic", "structlog", "jose"),
    *("pydantic", "numpy", "pandas", "pyarrow", "websockets", "msgpack", "talib", "scipy", "socketio", "aiohttp"),
}
_PROGRAM = """
import sys
import breezeway.client
print(*{name.partition(".")[0] for name in sys.modules})
"""


def test_every_public_name_is_listed_and_sorted() -> None:
    listed = breezeway.client.__all__
    assert listed == sorted(listed)
    submodules = {name for name in vars(breezeway.client) if f"breezeway.client.{name}" in sys.modules}
    assert {name for name in vars(breezeway.client) if not name.startswith("_")} - submodules == set(listed)


def test_importing_it_loads_nothing_of_the_server() -> None:
    """What makes an import slow is what it pulls in; how long that takes is the machine's affair."""
    ran = subprocess.run([sys.executable, "-c", _PROGRAM], capture_output=True, text=True, check=True, timeout=60)
    assert "breezeway" in ran.stdout.split()
    assert HEAVY & set(ran.stdout.split()) == set()
