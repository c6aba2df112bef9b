"""The order in which matches are shown."""

from instruments_service.domain.query import understand
from instruments_service.domain.ranking import Candidate, Tier, Underlying, choose_underlyings, rank, tier


def make(symbol: str, name: str, popularity: int = 50, broker_code: str = "XXXXXX", similarity: float = 0) -> Candidate:
    return Candidate(
        instrument_id=abs(hash(symbol)),
        symbol=symbol,
        code=symbol.partition(":")[2],
        broker_code=broker_code,
        isin=None,
        name=name,
        popularity=popularity,
        similarity=similarity,
    )


HDFC_BANK = make("NSE:HDFCBANK", "HDFC BANK LTD", 90, "HDFBAN")
HDFC_BANK_BSE = make("BSE:HDFCBANK", "HDFC BANK LTD", 30, "HDFBAN")
HDFC_BOND = make("NSE:HDFCBANK-W3", "HDFC BANK LTD WARRANT", 15, "HDFW3")
HDFC_ETF = make("NSE:HDFCSENSEX", "HDFC SENSEX ETF", 50, "HDFETF")
BANKNIFTY = make("NSE_INDEX:BANKNIFTY", "NIFTY BANK", 100, "CNXBAN")


def symbols(text: str, *candidates: Candidate) -> list[str]:
    return [one.symbol for _, one in rank(understand(text), candidates)]


def test_an_exact_name_beats_prefixes_and_the_liquid_exchange_comes_first() -> None:
    order = symbols("hdfc bank", HDFC_BOND, HDFC_ETF, HDFC_BANK_BSE, HDFC_BANK)
    assert order[:3] == ["NSE:HDFCBANK", "BSE:HDFCBANK", "NSE:HDFCBANK-W3"]


def test_iciccis_code_is_as_good_as_the_symbol() -> None:
    assert tier(understand("hdfban"), HDFC_BANK) is Tier.EXACT
    assert tier(understand("cnxban"), BANKNIFTY) is Tier.EXACT


def test_the_index_is_found_by_its_spoken_name_either_way_round() -> None:
    assert tier(understand("nifty bank"), BANKNIFTY) is Tier.EXACT
    assert tier(understand("bank nifty"), BANKNIFTY) is Tier.EXACT


def test_a_funds_one_letter_code_is_no_exact_match() -> None:
    fund = make("MF:6-A", "Some Fund", 5, "A")
    assert symbols("a", fund, make("NSE:ABB", "ABB INDIA", 90)) == ["NSE:ABB", "MF:6-A"]


def test_similar_names_come_by_likeness() -> None:
    near = make("NSE:RELIANCE", "RELIANCE INDUSTRIES", 50, similarity=0.6)
    far = make("NSE:RELAXO", "RELAXO FOOTWEARS", 90, similarity=0.4)
    assert symbols("relianse", far, near) == ["NSE:RELIANCE", "NSE:RELAXO"]


NIFTY_U = Underlying("NFO", "NIFTY", "NIFTY", "NIFTY 50", 100)
BANK_U = Underlying("NFO", "BANKNIFTY", "CNXBAN", "NIFTY BANK", 100)
NEXT_U = Underlying("NFO", "NIFTYNXT50", "NIFNEX", "NIFTY NEXT 50", 100)
HDFC_U = Underlying("NFO", "HDFCBANK", "HDFBAN", "HDFC BANK LTD", 90)
KNOWN = [NIFTY_U, BANK_U, NEXT_U, HDFC_U]


def chosen(text: str) -> list[str]:
    return [one.code for one in choose_underlyings(understand(text), KNOWN)]


def test_underlyings_by_code_broker_code_name_and_typo() -> None:
    assert chosen("nifty ce") == ["NIFTY"]
    assert chosen("cnxban pe") == ["BANKNIFTY"]
    assert chosen("nifty bank fut") == ["BANKNIFTY"]
    assert chosen("hdfc bank fut") == ["HDFCBANK"]
    assert chosen("banknfty fut") == ["BANKNIFTY"]
    assert chosen("nifty next 50 72000 ce") == ["NIFTYNXT50"]
    assert chosen("zzzzzz fut") == []
