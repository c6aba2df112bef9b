"""No client keeps an idle connection for as long as our servers do: they would close it under its next request."""

import uvicorn

from breezeway.client import transport
from breezeway.http import client


def test_clients_let_go_first() -> None:
    servers = uvicorn.Config("app").timeout_keep_alive
    for limits in (client._LIMITS, transport._LIMITS):
        assert limits.keepalive_expiry is not None
        assert limits.keepalive_expiry < servers
