"""Rows of the SecurityMaster files as text: which columns are quoted, which are bare, which are always empty."""


def number(value: float) -> str:
    """A bare number as the files have it: no trailing zeros, no exponent."""
    text = f"{value:.4f}".rstrip("0").rstrip(".")
    return text or "0"


def nse_row(token: str, code: str, series: str, name: str, isin: str, price: float, symbol: str) -> str:
    """A row of NSEScripMaster; series `0` makes it an index."""
    is_index = series == "0"
    face = 0 if is_index else 10
    year_high, year_low = number(round(price * 1.23, 2)), number(round(price * 0.78, 2))
    all_high, all_low = ("0", "0") if is_index else (number(round(price * 1.6, 2)), number(round(price * 0.1, 2)))
    upper, lower = ("0", "0") if is_index else (number(round(price * 1.1, 2)), number(round(price * 0.9, 2)))
    empty22 = '"",' * 22
    return (
        f'"{token}","{code}","{series}","{name[:30]}",0.01,1,"","",0,{face},"{isin}",{year_high},{year_low},{all_high},'
        f'{all_low},"","","",0,0,0,{upper},{lower},"",0,"","","",0,{empty22}"0",0,0,0,"","","","","","{symbol}"'
    )


def bse_row(token: str, code: str, group: str, name: str, isin: str, price: float, symbol: str) -> str:
    """A row of BSEScripMaster; an index has no ISIN."""
    scrip_code = token if token.isdigit() else "999901"
    high, low = number(round(price * 1.1, 2)), number(round(price * 0.9, 2))
    # Headed TickSize and IssuePrice, these two columns really hold the day's price limits.
    return (
        f'"{token}","{code}","{group}","{name[:30]}",{high},1,"{scrip_code}",0,0,0,0,"{symbol}","{name[:30]}","","","",'
        f'"","","","","","","",{low},{10 if isin else 0},"{isin}",{number(round(price * 1.23, 2))},'
        f'{number(round(price * 0.78, 2))},{number(round(price * 1.6, 2))},{number(round(price * 0.1, 2))},"","","",'
        f'"{symbol}"'
    )


def contract_row(
    token: str,
    kind: str,
    code: str,
    series: str,
    expiry: str,
    strike: str,
    right: str,
    interest: int,
    lot: int,
    tick: int,
    name: str,
    low: float,
    high: float,
    cycle: str,
    exchange: str,
    base: int,
    exchange_code: str,
) -> str:
    """A row of FONSE or FOBSE; `tick` and `base` are paise, `low` and `high` rupees."""
    return (
        f'"{token}","{kind}","{code}","{series}","{expiry}","{strike}","{right}",0,0,0,0,0,"",0,0,0,0,"","","","",0,"",'
        f'"","",{interest},0,{lot},{tick},"{name}","","","","",{number(low)},{number(high)},"","","","{cycle}","","","","","","",0,'
        f'"","",0,0,0,"","","","","","","","{exchange}","","","","","","","",{base},"{exchange_code}"'
    )
