"""Settings of the simulator, from `BREEZE_SIM_…` variables."""

from datetime import date, time
from typing import Annotated, Literal

from pydantic import DirectoryPath, Field, FilePath, SecretStr, field_validator, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from breeze_simulator.application.accounts import App

LOCAL_CALLBACK = "http://127.0.0.1:8000/api/v1/broker-accounts/callback"


def _demo_apps() -> list[App]:
    return [App(api_key="sim+key=1", secret="sim-secret", user_id="SIM00001", user_name="DEMO TRADER")]  # noqa: S106 - the documented demo app


class Settings(BaseSettings):
    """Everything that may be chosen. What is only guessed about the broker is here rather than in the code."""

    model_config = SettingsConfigDict(env_prefix="BREEZE_SIM_", extra="ignore")

    apps: list[App] = Field(default_factory=_demo_apps)
    redirect_url: str = Field(LOCAL_CALLBACK, pattern=r"^https?://")
    master_zip: FilePath | None = None
    candles_dir: DirectoryPath | None = None
    clock: str = "auto"
    speed: float = Field(1.0, gt=0, le=1_000)
    seed: int = 1
    tick_rate: float = Field(0.0, ge=0, le=20_000)
    """Ticks a second over all watched instruments; 0 leaves it to the trades."""
    limits: bool = True
    control_token: SecretStr | None = None
    """Lets peers that are not on loopback use `/_sim`, as a bearer."""
    log_format: Literal["console", "json"] = Field("console", validation_alias="LOG_FORMAT")
    log_level: str = Field("INFO", validation_alias="LOG_LEVEL")
    body_limit: int = Field(262_144, ge=1_024)

    calls_per_minute: int = Field(100, ge=1)
    calls_per_day: int = Field(5_000, ge=1)
    mutations_per_second: int = Field(10, ge=1)
    """Order placements, modifications, cancellations and square-offs together."""
    orders_show_remark: bool = True
    """Whether order rows give `user_remark` back; the broker has been seen to blank it."""
    cool_down_seconds: float = Field(60.0, ge=0)
    clock_skew_seconds: float = Field(60.0, gt=0)

    http_status_of_refusals: Annotated[int, Field(ge=200, le=599)] = 200
    http_status_of_auth_errors: Annotated[int, Field(ge=200, le=599)] = 401
    http_status_of_limit_errors: Annotated[int, Field(ge=200, le=599)] = 401
    history_cap: int = Field(1_000, ge=1)
    history_keeps: Literal["first", "last"] = "first"
    v1_drops_first_bar: bool = True
    v1_day_label: time = time(12, 0)
    ohlc_bar_label: Literal["start", "end"] = "start"
    mcx_price_scale: int = Field(100, ge=1)
    journal_size: int = Field(20_000, ge=100, le=1_000_000)

    @field_validator("master_zip", "candles_dir", "control_token", mode="before")
    @classmethod
    def _empty_is_unset(cls, value: object) -> object:
        return None if value == "" else value

    @model_validator(mode="after")
    def _clock_is_known(self) -> "Settings":
        self.replay_day  # noqa: B018 - raises for a clock that is neither a mode nor a replay of a date
        return self

    @property
    def replay_day(self) -> date | None:
        """The day of `replay:YYYY-MM-DD`, None for the other modes."""
        if self.clock in ("auto", "wall"):
            return None
        mode, colon, day = self.clock.partition(":")
        if mode != "replay" or not colon:
            raise ValueError("BREEZE_SIM_CLOCK must be auto, wall or replay:YYYY-MM-DD")
        return date.fromisoformat(day)
