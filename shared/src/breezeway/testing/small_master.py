"""Hand-made masters: a handful of rows in the broker's files, of which only the columns that are read are written."""

import io
import zipfile
from datetime import date

NSE = "NSEScripMaster.txt"
BSE = "BSEScripMaster.txt"
FONSE = "FONSEScripMaster.txt"
FOBSE = "FOBSEScripMaster.txt"
MCX = "MCXScripMaster.txt"
MF = "MFScripMaster.txt"

HEADERS = {
    NSE: "Token,ShortName,Series,CompanyName,ticksize,Lotsize,ISINCode,WarningPercent,FreezePercent,ExchangeCode",
    BSE: "Token,ShortName,Series,CompanyName,TickSize,LotSize,ScripID,ISINCode,ExchangeCode",
    FONSE: "Token,InstrumentName,ShortName,Series,ExpiryDate,StrikePrice,OptionType,LotSize,TickSize,CompanyName,"
    "LowPriceRange,HighPriceRange,BasePrice,ExchangeCode",
    MCX: "Token,InstrumentName,ShortName,Series,ExpiryDate,StrikePrice,OptionType,LotSize,TickSize,CompanyName,"
    "LowPriceRange,HighPriceRange,ExchangeCode",
    MF: "CompanyCode,SchemeCode,AmfiCd,NAV,SchemeName,SchemeOption,ISIN",
}
HEADERS[FOBSE] = HEADERS[FONSE]

RELIANCE = "2885,RELIND,EQ,RELIANCE INDUSTRIES,0.01,1,INE002A01018,1403.4,1148.4,RELIANCE"
HDFC_BANK = "1333,HDFBAN,EQ,HDFC BANK LTD,0.01,1,INE040A01034,900,700,HDFCBANK"
ZOMATO = "5097,ZOMLIM,EQ,ZOMATO LIMITED,0.01,1,INE758T01015,330,270,ZOMATO"
BANKNIFTY = "NIFTY BANK,CNXBAN,0,NIFTY BANK,0,0,,0,0,NIFTY BANK"
BSE_RELIANCE = "500325,RELIND,DR,RELIANCE INDUSTRIES,1403.6,1,RELIANCE,INE002A01018,RELIANCE"
AUG_FUTURE = "60001,FUTSTK,RELIND,FUTURE,25-Aug-2026,0,XX,500,10,RELIANCE INDUSTRIES,1150,1400,127500,RELIANCE"
AUG_CALL = "60002,OPTSTK,RELIND,OPTION,25-Aug-2026,1280,CE,500,5,RELIANCE INDUSTRIES,1,120,3000,RELIANCE"
BANK_PUT = "60003,OPTIDX,CNXBAN,OPTION,25-Aug-2026,58000,PE,30,5,NIFTY BANK,1,900,40000,NIFTY BANK"
SENSEX_FUTURE = "825622,FUTIND,BSESEN,FUTURE,27-Aug-2026,0,XX,20,5,BSE SENSEX,69526,84977,7794480,SENSEX"
CRUDE = "568800,FUTSTK,CRUDE,FUTURE,19-Aug-2026,0,XX,100,100,CRUDEOIL,6000,7000,CRUDEOIL"
FUND = "21,103D,103616,53.3696,SBI Large Cap Fund - IDCW,Dividend,INF200K01164"
JUNK = "0,ALFLAV,EQ,ALFA LAVAL (INDIA) LIMITED,0.01,1,INE427A01017,1,1,ALFALAVAL"

FILES: dict[str, list[str]] = {
    NSE: [RELIANCE, HDFC_BANK, ZOMATO, BANKNIFTY, JUNK],
    BSE: [BSE_RELIANCE],
    FONSE: [AUG_FUTURE, AUG_CALL, BANK_PUT],
    FOBSE: [SENSEX_FUTURE],
    MCX: [CRUDE],
    MF: [FUND],
}
ROWS = 12
STORED = 11


def master(day: date, files: dict[str, list[str]] | None = None, **replaced: list[str]) -> bytes:
    """An archive built on `day` at 07:30 IST; `replaced` gives whole files by their short name (`nse=[…]`)."""
    short = {"nse": NSE, "bse": BSE, "fonse": FONSE, "fobse": FOBSE, "mcx": MCX, "mf": MF}
    contents = dict(FILES if files is None else files) | {short[name]: rows for name, rows in replaced.items()}
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as package:
        for name, rows in contents.items():
            info = zipfile.ZipInfo(name, (day.year, day.month, day.day, 7, 30, 0))
            info.compress_type = zipfile.ZIP_DEFLATED
            package.writestr(info, "\r\n".join([HEADERS[name], *rows]))
    return buffer.getvalue()
