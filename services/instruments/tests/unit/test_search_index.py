"""The index in memory against plain loops over the same documents and contracts."""

from datetime import date, timedelta
from decimal import Decimal

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from breezeway.contracts.instruments import Right
from instruments_service.domain.contract_index import PER_EXPIRY, Contract, ContractIndex, ContractTable
from instruments_service.domain.query import ExpiryHint, understand
from instruments_service.domain.ranking import Underlying, short_names
from instruments_service.domain.text_index import Document, TextIndex

NIFTY = Underlying("NFO", "NIFTY", "NIFTY", "NIFTY 50", 100)
WORDS = ["bank", "banking", "tata", "steel", "ste", "fund", "nifty", "b&b", "größe", "a"]


def document(number: int, name: str, popularity: int = 50, **over: object) -> Document:
    code = name.replace(" ", "").upper()[:10]
    made = Document(number, "NSE", "equity", f"NSE:{code}", code, f"IC{number}", None, name.upper(), popularity)
    return made._replace(**over)  # type: ignore[arg-type]


def found(index: TextIndex, text: str, exchange: str | None = None, type_: str | None = None) -> set[int]:
    return {one.instrument_id for one in index.candidates(understand(text), exchange, type_, 80)}


@given(st.lists(st.lists(st.sampled_from(WORDS), min_size=1, max_size=4), max_size=12), st.sampled_from(WORDS))
def test_every_document_with_a_word_that_begins_so_is_a_candidate(names: list[list[str]], word: str) -> None:
    index = TextIndex(document(number, " ".join(name)) for number, name in enumerate(names))
    wanted = {number for number, name in enumerate(names) if any(part.startswith(word) for part in name)}
    asked = understand(word)
    if len(word) >= 2 and asked.words == (word,):
        assert wanted <= found(index, word)


@given(st.lists(st.text("abcde ", min_size=1, max_size=12), max_size=20), st.text("abcde", min_size=3, max_size=4))
def test_parts_of_words_are_found(names: list[str], part: str) -> None:
    index = TextIndex(document(number, name, code=f"X{number}") for number, name in enumerate(names))
    wanted = {number for number, name in enumerate(names) if part in name}
    assert wanted <= found(index, part)


def test_an_empty_index_finds_nothing() -> None:
    assert found(TextIndex([]), "nifty bank") == set()


def test_filters_leave_out_what_was_not_asked_for() -> None:
    index = TextIndex(
        [
            document(1, "tata steel"),
            document(2, "tata steel", exchange="BSE"),
            document(3, "tata fund", exchange="MF", type="mutual_fund"),
        ]
    )
    assert found(index, "tata") == {1, 2, 3}
    assert found(index, "tata", "BSE") == {2}
    assert found(index, "tata", None, "mutual_fund") == {3}
    assert found(index, "tata", "CDS") == set()


@pytest.mark.parametrize("typo", ["relianse", "relaince", "rliance", "reliancee", "relience", "eliance"])
def test_typos_find_the_popular_one(typo: str) -> None:
    index = TextIndex([document(1, "reliance industries", 95), document(2, "steel authority"), document(3, "alliance")])
    candidates = index.candidates(understand(typo), None, None, 80)
    assert max(candidates, key=lambda one: one.similarity).instrument_id == 1


def test_a_company_is_found_by_its_short_names_former_codes_and_scrip_code() -> None:
    index = TextIndex([document(1, "larsen and toubro limited", 95, also=("500510", "LNT"))])
    for text in ("l&t", "lnt", "500510", "larsenand"):
        assert found(index, text) == {1}, text
    assert short_names("HINDUSTAN UNILEVER LTD") == ("HINDUSTANUNILEVER", "HUL")


def contract(number: int, day: int, strike: int | None, right: str | None = None) -> Contract:
    bands = (Decimal(90), Decimal(110)) if strike is None else (None, None)
    at = None if strike is None else Decimal(strike)
    return Contract(number, "NFO", "NIFTY", date(2026, 8, 1) + timedelta(days=day), at, right, *bands)


contracts = st.lists(
    st.tuples(st.integers(0, 40), st.none() | st.integers(80, 120), st.sampled_from(["call", "put"])), max_size=60
)


@given(
    contracts,
    st.none() | st.integers(80, 120),
    st.none() | st.sampled_from(list(Right)),
    st.sampled_from([None, "future", "option"]),
    st.none() | st.just(ExpiryHint(8)) | st.just(ExpiryHint(9, 3)),
    st.booleans(),
    st.integers(1, 12),
)
def test_contracts_come_by_expiry_and_then_by_distance_to_the_strike(
    rows: list[tuple[int, int | None, str]],
    strike: int | None,
    right: Right | None,
    type_: str | None,
    hint: ExpiryHint | None,
    exactly: bool,
    limit: int,
) -> None:
    made = [contract(n, day, at, side if at is not None else None) for n, (day, at, side) in enumerate(rows)]
    table = ContractTable()
    table.add(made[: len(made) // 2])
    table.add(made[len(made) // 2 :])
    index = ContractIndex(table, [NIFTY])
    at = None if strike is None else Decimal(strike)
    exactly = exactly and at is not None
    answer = index.contracts(
        [NIFTY], type_=type_, strike=at, right=right, expiry=hint, exactly=exactly, limit=limit
    )  # fmt: skip
    fits = [
        one
        for one in made
        if (type_ is None or (one.right is None) == (type_ == "future"))
        and (right is None or type_ == "future" or one.right == right.value)
        and (hint is None or hint.matches(one.expiry))
        and (not exactly or one.strike == at or (one.strike is None and at == 0))
    ]
    assert set(answer) <= {one.instrument_id for one in fits}
    assert len(answer) == len(set(answer)) <= limit
    by_id = {one.instrument_id: one for one in made}
    days = [by_id[number].expiry for number in answer]
    assert days == sorted(days)
    near = float(strike) if strike is not None else None
    for day in set(days):
        of_day = [by_id[number] for number in answer if by_id[number].expiry == day]
        if near is not None:
            away = [-1.0 if one.strike is None else abs(float(one.strike) - near) for one in of_day]
            assert away == sorted(away)
            if type_ != "future":
                assert len(of_day) <= PER_EXPIRY
    if type_ == "future":
        assert len(answer) == min(limit, len(fits))


def test_without_a_strike_those_around_the_future_come_first() -> None:
    table = ContractTable()
    table.add([contract(1, 0, None), *(contract(strike, 1, strike, "call") for strike in range(80, 121))])
    index = ContractIndex(table, [NIFTY])
    answer = index.contracts(
        [NIFTY], type_="option", strike=None, right=None, expiry=None, exactly=False, limit=3
    )  # fmt: skip
    assert answer == [100, 99, 101]
    assert np.all(np.array(answer) > 1)
