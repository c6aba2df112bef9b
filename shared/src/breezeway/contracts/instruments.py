"""An instrument, as services tell each other about it."""

from datetime import date
from decimal import Decimal
from enum import StrEnum

from pydantic import BaseModel, ConfigDict, Field


class InstrumentType(StrEnum):
    EQUITY = "equity"
    INDEX = "index"
    FUTURE = "future"
    OPTION = "option"
    MUTUAL_FUND = "mutual_fund"
    CURRENCY = "currency"


class Right(StrEnum):
    CALL = "call"
    PUT = "put"


class Instrument(BaseModel):
    """One instrument of the master. Prices and sizes are as of the day that was asked for."""

    model_config = ConfigDict(frozen=True)

    instrument_id: int = Field(examples=[20885])
    symbol: str = Field(description="Canonical symbol.", examples=["NSE:RELIANCE"])
    exchange: str = Field(examples=["NSE"])
    segment: str = Field(description="cash, derivatives, currency, commodity or fund.", examples=["cash"])
    type: InstrumentType = Field(examples=["equity"])
    name: str = Field(examples=["RELIANCE INDUSTRIES LIMITED"])
    isin: str | None = Field(None, examples=["INE002A01018"])
    series: str | None = Field(None, examples=["EQ"])
    lot_size: int = Field(examples=[1])
    tick_size: Decimal = Field(description="Rupees.", examples=["0.1"])
    freeze_quantity: int | None = None
    expiry: date | None = None
    strike: Decimal | None = Field(None, description="Rupees.")
    right: Right | None = None
    underlying: str | None = Field(None, description="Exchange symbol of the underlying.", examples=["NIFTY"])
    lower_band: Decimal | None = None
    upper_band: Decimal | None = None
    broker_code: str = Field(description="ICICI's short name.", examples=["RELIND"])
    broker_token: str | None = Field(description="Breeze's feed token.", examples=["4.1!2885"])
    status: str = Field("active", description="active, expired or delisted.", examples=["active"])


class ListedInstrument(Instrument):
    """An instrument with what the masters of other days say of it. A day of which they say nothing may be any."""

    listed_on: date | None = Field(
        None,
        description="Day of the first master that we read and that has it. It may be older than all of ours.",
        examples=["2026-07-30"],
    )
    not_listed_until: date | None = Field(
        None, description="The last day whose master we read and that does not have it yet; null when there is none."
    )
    delisted_on: date | None = Field(
        None, description="Day of the first master without it; null while it is listed, and when it has expired."
    )


class InstrumentDetail(ListedInstrument):
    """An instrument with every other name it answers to."""

    aliases: list[str] = Field(
        description="ICICI's spelling, Breeze's token, our number, former names.", examples=[["NSE:RELIND", "4.1!2885"]]
    )
    as_of: date | None = Field(None, description="The day whose master answers; null for the present one.")


class ResolveRequest(BaseModel):
    """Names to look up: canonical symbols or aliases, in any case."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    symbols: list[str] = Field(max_length=1000, examples=[["NSE:RELIND", "4.1!2885"]])


class Resolved(BaseModel):
    """One name and what it names."""

    model_config = ConfigDict(frozen=True)

    asked: str
    instrument: Instrument


class ResolveAnswer(BaseModel):
    """What was found, in the order asked, and what was not."""

    model_config = ConfigDict(frozen=True)

    items: list[Resolved]
    missing: list[str]

    @property
    def found(self) -> dict[str, Instrument]:
        """The instruments by the name they were asked by."""
        return {item.asked: item.instrument for item in self.items}
