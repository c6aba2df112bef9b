"""Which masters are let in."""

from datetime import date

import pytest

from breezeway.errors import Conflict
from instruments_service.domain.acceptance import ANYTHING, REQUIRED_FILES, Policy, accept
from instruments_service.domain.listing import Intake, Listing

DAY = date(2026, 7, 30)


def make_intake(rows: int = 10, day: date = DAY, missing: tuple[str, ...] = ()) -> Intake:
    listing = Listing(
        "NSE:X", "", "NSE", "cash", "equity", "NSE:X", "X", "X", None, None, 1, 1, False, None, None, None, None, None,
        None, None, None, "X", None, "NSE:X", "active", 1, "x",
    )  # fmt: skip
    present = [name for name in REQUIRED_FILES if name not in missing]
    listings = [listing._replace(file=name) for name in present for _ in range(rows)]
    return Intake(listings, [], len(listings), dict.fromkeys(present, rows), missing, day)


def code_of(intake: Intake, active: dict[str, int], last: date | None, policy: Policy) -> str:
    with pytest.raises(Conflict) as refusal:
        accept(intake, active, last, policy)
    return refusal.value.code


def test_a_good_master_is_accepted() -> None:
    accept(make_intake(), {}, None, Policy())
    accept(make_intake(), dict.fromkeys(REQUIRED_FILES, 12), DAY, Policy())


def test_missing_and_empty_files_are_refused_always() -> None:
    assert code_of(make_intake(missing=("NSEScripMaster.txt",)), {}, None, ANYTHING) == "master_incomplete"
    assert code_of(make_intake(rows=0), {}, None, ANYTHING) == "master_empty"


def test_an_older_master_is_refused_unless_anything_goes() -> None:
    yesterday = make_intake(day=date(2026, 7, 29))
    assert code_of(yesterday, {}, DAY, Policy()) == "master_older"
    accept(yesterday, {}, DAY, ANYTHING)


def test_a_shrunken_master_is_refused_unless_anything_goes() -> None:
    active = dict.fromkeys(REQUIRED_FILES, 21)
    assert code_of(make_intake(), active, DAY, Policy()) == "master_shrunk"
    accept(make_intake(), active, DAY, ANYTHING)
    one_large_file = {"FONSEScripMaster.txt": 6_000}
    assert code_of(make_intake(rows=2_500), one_large_file, DAY, Policy()) == "master_shrunk"


def test_an_absent_optional_file_says_nothing() -> None:
    accept(make_intake(), {"MCXScripMaster.txt": 37_000}, DAY, Policy())
