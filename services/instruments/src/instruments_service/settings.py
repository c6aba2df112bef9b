"""What the instruments service is told by its environment."""

from pathlib import Path

from pydantic import Field

from breezeway.breeze.endpoints import BreezeEndpoints
from breezeway.settings import DatabaseSettings


class InstrumentsSettings(DatabaseSettings):
    """Adds where the broker's master comes from."""

    master_url: str | None = Field(None, validation_alias="BREEZEWAY_MASTER_URL", pattern="^https?://")
    """The archive's address; the simulator's when there is one, else the broker's."""
    master_any: bool | None = Field(None, validation_alias="BREEZEWAY_MASTER_ACCEPT_ANY")
    """Accept masters that are older or much smaller than the last. Defaults to true with a simulator only."""

    limits_folder: Path | None = Field(None, validation_alias="BREEZEWAY_EXCHANGE_LIMITS_DIR")
    """YAML files with the exchanges' freeze limits, which extend or correct ours."""

    @property
    def effective_master_url(self) -> str:
        if self.master_url is not None:
            return self.master_url
        if self.simulator_url is not None:
            return BreezeEndpoints.single_origin(self.simulator_url).master_url
        return BreezeEndpoints.live().master_url

    @property
    def from_simulator(self) -> bool:
        """Whether the master is the simulator's, whose clock and size may change at will."""
        origin = self.simulator_url
        return origin is not None and self.effective_master_url.startswith(origin.rstrip("/") + "/")

    @property
    def accepts_any(self) -> bool:
        return self.from_simulator if self.master_any is None else self.master_any
