"""`/metrics` of a process that serves no HTTP otherwise."""

from contextlib import AsyncExitStack

from prometheus_client import start_http_server


def serve_metrics(host: str, port: int, stack: AsyncExitStack) -> int:
    """Answer Prometheus from a thread until `stack` closes; the port, a free one when `port` is 0."""
    server, thread = start_http_server(port, addr=host)

    def stop() -> None:
        server.shutdown()
        server.server_close()
        thread.join(5)

    stack.callback(stop)
    return int(server.server_port)
