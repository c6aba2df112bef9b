"""The simulator's own way in, which the real broker does not have."""

import httpx

from breezeway.errors import UpstreamUnavailable

_SECONDS = 10


class SimulatorDoor:
    """See `demo_renewal.SimulatorLogins`."""

    def __init__(self, origin: str) -> None:
        self._origin = origin.rstrip("/")

    async def log_in(self, api_key: str) -> str:
        try:
            # Once a day: a client that is kept open for it would cost more than it saves.
            async with httpx.AsyncClient(timeout=_SECONDS) as http:
                answer = await http.post(f"{self._origin}/_sim/login", json={"api_key": api_key})
            return str(answer.raise_for_status().json()["api_session"])
        except (httpx.HTTPError, ValueError, KeyError) as error:
            raise UpstreamUnavailable("The simulator does not log anybody in.", code="simulator_unavailable") from error
