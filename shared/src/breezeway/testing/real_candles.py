"""The public candle files as frames with bar-start labels."""

from pathlib import Path

import pandas as pd

NAMES = {"MM": "M&M", "BAJAJ_AUTO": "BAJAJ-AUTO", "NIFTY_BANK": "BANKNIFTY"}
"""How the 62-symbol set spells what the exchange spells otherwise."""


def nifty_2019_2020(folder: Path) -> pd.DataFrame:
    """The NIFTY bars, relabelled from bar end to bar start."""
    raw = pd.read_csv(folder / "candles_1min" / "NIFTY_1min_2019_2020.csv.gz", dtype={"date": str})
    raw["datetime"] = pd.to_datetime(raw["date"] + " " + raw["time"]) - pd.Timedelta(minutes=1)
    return raw[["symbol", "datetime", "open", "high", "low", "close", "volume"]]


def fifty_stocks_2021(folder: Path) -> pd.DataFrame:
    """The 62-symbol set of 2021, already labelled by bar start, in the exchange's spelling."""
    name = "NSE_50stocks_12indices_1min_from_ticks_2021-03-26_2021-06-11.csv.gz"
    raw = pd.read_csv(folder / "candles_1min" / name, parse_dates=["datetime"])
    raw["symbol"] = raw["symbol"].replace(NAMES)
    return raw
