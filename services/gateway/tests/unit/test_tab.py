"""Counting in arrears: only far from a limit, only for a moment, and never forgotten."""

from gateway_service.domain.rates import Bucket, Rate, Standing
from gateway_service.domain.tab import CREDIT, ROOM, SECONDS, Tab

WIDE, OTHER = Bucket("everything:all:all", Rate(60_000, 60)), Bucket("read:user:a", Rate(1_500, 60))
PLENTY = Standing(OTHER, True, 1_000, 1.0)


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def test_nobody_unknown_has_credit() -> None:
    assert Tab(Clock()).put([OTHER]) is None


def test_credit_is_short_and_every_request_is_owed() -> None:
    tab = Tab(Clock())
    tab.note([OTHER, WIDE], PLENTY)
    let_through = [tab.put([OTHER, WIDE]) for _ in range(CREDIT + 5)]
    assert [each.remaining for each in let_through if each] == [1_000 - n for n in range(1, CREDIT + 1)]
    assert let_through[CREDIT:] == [None] * 5
    assert tab.owed([OTHER, WIDE]) == [CREDIT, CREDIT]
    assert tab.owed([OTHER, WIDE]) == [0, 0], "it is counted once"


def test_a_standing_grows_old() -> None:
    clock = Clock()
    tab = Tab(clock)
    tab.note([OTHER], PLENTY)
    clock.now = SECONDS
    assert tab.put([OTHER]) is None


def test_near_a_limit_each_is_asked_about() -> None:
    tab = Tab(Clock())
    tab.note([OTHER], PLENTY)
    tab.note([OTHER], Standing(OTHER, True, ROOM - 1, 1.0))
    assert tab.put([OTHER]) is None


def test_many_parties_share_the_credit_of_what_they_share() -> None:
    tab = Tab(Clock())
    parties = [Bucket(f"read:user:{n}", Rate(1_500, 60)) for n in range(CREDIT + 1)]
    for each in parties:
        tab.note([each, WIDE], PLENTY)
    assert [tab.put([each, WIDE]) is None for each in parties] == [False] * CREDIT + [True]
