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
    segment: str = Field(description="Whose sessions it trades in.", examples=["cash"])
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
    status: str = Field("active", examples=["active"])


class ResolveRequest(BaseModel):
    """Asks what symbols or aliases (ICICI's code, Breeze's token, the numeric id) stand for."""

    model_config = ConfigDict(frozen=True)

    symbols: list[str] = Field(max_length=1000, examples=[["NSE:RELIANCE", "4.1!2885"]])


class ResolveAnswer(BaseModel):
    """What was asked for, by the name it was asked by; names that no instrument has are left out."""

    model_config = ConfigDict(frozen=True)

    found: dict[str, Instrument]
