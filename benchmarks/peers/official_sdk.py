"""The official SDK as its users run it, on a broker's quote socket: how many ticks reach the callback.

python -m benchmarks.peers.official_sdk http://127.0.0.1:PORT ROOMS SECONDS
"""

import sys
import time
from typing import Any

from breezeway.breeze.endpoints import BreezeEndpoints
from breezeway.breeze.sdk import load_sdk

WARM_UP_SECONDS = 2.0


class _NoHttp:
    """Only the socket is measured."""

    def send(self, *_: object, **__: object) -> Any:
        raise RuntimeError("the benchmark of the socket called the network")


def main(origin: str, rooms: int, seconds: float) -> None:
    sdk = load_sdk(BreezeEndpoints.single_origin(origin), _NoHttp())
    breeze = sdk.BreezeConnect("key")
    breeze.user_id, breeze.session_key = "BENCH", "1"
    # What `generate_session` reads from the master: token to code and name, by exchange.
    breeze.token_script_dict_list = [{}, {str(n): (f"S{n}", f"SHARE {n}") for n in range(rooms)}, {}, {}, {}, {}]
    heard = 0

    def on_ticks(_tick: object) -> None:
        nonlocal heard
        heard += 1

    breeze.on_ticks = on_ticks
    socket = sdk.SocketEventBreeze("/", breeze)
    socket.connect(origin)
    socket.watch([f"4.1!{n}" for n in range(rooms)])
    time.sleep(WARM_UP_SECONDS)
    before, began = heard, time.monotonic()
    time.sleep(seconds)
    print((heard - before) / (time.monotonic() - began), flush=True)


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), float(sys.argv[3]))
